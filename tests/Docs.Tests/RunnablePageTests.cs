using System.Globalization;
using Larder.Tests.Shared;
using Xunit;

namespace Larder.Docs.Tests;

/// <summary>Runs this repository's pages that are programs, on each second level. The address comes by configuration, as an application's does.</summary>
public sealed class RunnablePageTests
{
    // A page runs but once, cold, on a machine that may be busy: nothing here is about how fast a server must answer.
    private static readonly string[] s_patience = ["--REDIS_TIMEOUT=60", "--Larder:SecondLevelTimeout=00:00:30", "--Logging:LogLevel:Default=Warning", "--urls=http://127.0.0.1:0"];

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    /// <summary>Every page that is a program.</summary>
    public static TheoryData<string> Pages => [.. Documentation.Programs(WorkingCopy.Instance).Select(page => page.File)];

    [Theory]
    [MemberData(nameof(Pages))]
    public Task A_page_does_what_it_says_in_memory(string file) => RunAsync(file, "--CACHE_BACKEND=memory");

    [ServerTheory(ServerKind.Redis)]
    [MemberData(nameof(Pages))]
    public async Task A_page_does_what_it_says_on_Redis(string file)
    {
        var server = await TestServers.RedisAsync();

        await RunOnAsync(server, file, "--CACHE_BACKEND=redis", $"--REDIS_URL=redis://{server.EndPoint}");
    }

    [ServerTheory(ServerKind.Valkey)]
    [MemberData(nameof(Pages))]
    public async Task A_page_does_what_it_says_on_Valkey(string file)
    {
        var server = await TestServers.ValkeyAsync();

        await RunOnAsync(server, file, "--CACHE_BACKEND=valkey", "--VALKEY_HOST=127.0.0.1", $"--VALKEY_PORT={server.Port.ToString(CultureInfo.InvariantCulture)}");
    }

    private static async Task RunOnAsync(Server server, string file, params string[] arguments)
    {
        // Tests of one class run one after the other, so the server is this page's alone.
        await server.FlushAsync();
        var before = await server.CountCommandsAsync();

        await RunAsync(file, arguments);

        var commands = (await server.CountCommandsAsync()).Since(before);
        Assert.True(commands.Total > 0, $"{file} has not used the server: {commands}");
    }

    private static async Task RunAsync(string file, params string[] arguments)
    {
        var page = Documentation.Programs(WorkingCopy.Instance).Single(page => page.File == file);

        var problems = string.Join('\n', await PageRunner.RunAsync(page, [.. s_patience, .. arguments], s_limit));
        Assert.True(problems.Length == 0, problems);
    }
}
