using System.Globalization;
using Xunit;

namespace Larder.Tests.Shared.Tests;

public sealed class OrphanTests
{
    [ServerTheory(ServerKind.Redis)]
    [InlineData("running")]
    [InlineData("suspended")]
    public async Task A_server_ends_and_its_folder_goes_when_the_test_process_is_killed(string state)
    {
        using var child = ChildProcess.Start(["start", state]);
        var words = (await child.StandardOutput.ReadLineAsync())!.Split(' ');
        var (server, folder) = (int.Parse(words[0], CultureInfo.InvariantCulture), words[1]);
        Assert.True(ProcessState.IsAlive(server));
        Assert.True(Directory.Exists(folder));

        // Only the child itself, as a crash would: nothing gets the chance to clean up.
        child.Kill(entireProcessTree: false);

        await Poll.UntilAsync(() => !ProcessState.IsAlive(server), "the orphaned server ends");
        await Poll.UntilAsync(() => !Directory.Exists(folder), "its data folder goes");
    }
}
