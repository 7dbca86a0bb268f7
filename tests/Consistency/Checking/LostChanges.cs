using System.Globalization;
using System.Text.Json.Nodes;
using Larder.Consistency.Nodes;
using Larder.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Consistency.Checking;

/// <summary>Counters, updates by delegate and merges of fields, on one key each, by many tasks in several processes: none may be lost.</summary>
/// <param name="server">Where the processes share them.</param>
internal sealed class LostChanges(ITestServer server)
{
    private const string Key = "changed by all";

    public int Processes { get; init; } = 2;

    /// <summary>Tasks in all processes together.</summary>
    public int Tasks { get; init; } = 64;

    /// <summary>Changes of each kind by each task.</summary>
    public int Changes { get; init; } = 1_000;

    public async Task<IReadOnlyList<string>> RunAsync()
    {
        await using var node = new Node(server.ConnectionString);
        await node.ReadyAsync();
        await node.Namespace.SetAsync("number", 0L);
        await node.Namespace.SetAsync("object", new JsonObject());
        var processes = Enumerable.Range(0, Processes).Select(_ => new ChildProcess("changer", server.ConnectionString)).ToArray();
        try
        {
            await Task.WhenAll(processes.Select(process => process.HearAsync("ready")));
            await Task.WhenAll(processes.Select((process, i) => process.SayAsync(string.Create(CultureInfo.InvariantCulture, $"go {i} {Tasks / Processes} {Changes}"))));
            var problems = (await Task.WhenAll(processes.Select(process => process.HearAsync("done", TimeSpan.FromMinutes(20))))).Where(answer => answer.Length != 0).ToList();
            await JudgeAsync(node, problems);
            return problems;
        }
        finally
        {
            foreach (var process in processes)
            {
                await process.DisposeAsync();
            }
        }
    }

    /// <summary>The changes of one process. Gives what went wrong.</summary>
    public static async Task<string> ChangeAsync(string server, TextReader commands, Action<string> say)
    {
        await using var node = new Node(server);
        await node.ReadyAsync();
        say("ready");
        var words = (await commands.ReadLineAsync())!.Split(' ');
        var (process, tasks, changes) = (words[1], int.Parse(words[2], CultureInfo.InvariantCulture), int.Parse(words[3], CultureInfo.InvariantCulture));
        try
        {
            var problems = await Task.WhenAll(Enumerable.Range(0, tasks).Select(task => Task.Run(() => ChangeAsync(node, Field(process, task), changes))));
            return problems.FirstOrDefault(problem => problem is not null) ?? "";
        }
        catch (Exception exception)
        {
            // Told to whoever judges; what a process writes before it ends is seldom read.
            return $"{exception.GetType()}: {exception.Message} {exception.InnerException?.GetType()}: {exception.InnerException?.Message}".ReplaceLineEndings(" ");
        }
    }

    private static async Task<string?> ChangeAsync(Node node, string field, int changes)
    {
        for (var i = 1; i <= changes; i++)
        {
            await node.Namespace.Counters.IncrementAsync(Key);
            if (!(await node.Namespace.UpdateAsync<long>("number", number => number + 1)).IsFound)
            {
                return "there was no number to update";
            }

            if (!await node.Namespace.UpdateAsync("object", new JsonObject { [field] = i }))
            {
                return "there was no object to change";
            }

            // Nobody else changes this field, so a merge that is lost shows at once.
            if ((await node.Namespace.GetAsync<JsonObject>("object"))?[field]?.GetValue<int>() is var found && found != i)
            {
                return $"{field} is {found} after it was set to {i}";
            }
        }

        return null;
    }

    private async Task JudgeAsync(Node node, List<string> problems)
    {
        var expected = (long)Tasks * Changes;
        if (await node.Namespace.Counters.GetAsync(Key) is var count && count != expected)
        {
            problems.Add($"the counter is {count} after {expected} increments");
        }

        // Read as another process would: this one has the values from before in memory, and hears of changes a moment later.
        await using var fresh = new Node(server.ConnectionString);
        await fresh.ReadyAsync();
        if (await fresh.Namespace.GetAsync<long>("number") is var number && number != expected)
        {
            problems.Add($"the number is {number} after {expected} updates");
        }

        var merged = await fresh.Namespace.GetAsync<JsonObject>("object");
        problems.AddRange(
            from process in Enumerable.Range(0, Processes)
            from task in Enumerable.Range(0, Tasks / Processes)
            let field = Field(process.ToString(CultureInfo.InvariantCulture), task)
            let value = merged?[field]?.GetValue<int>()
            where value != Changes
            select $"{field} is {value} after {Changes} merges");
    }

    private static string Field(string process, int task) => string.Create(CultureInfo.InvariantCulture, $"process {process} task {task}");

    private sealed class Node : IAsyncDisposable
    {
        private readonly ServiceProvider _services;

        public Node(string server)
        {
            // What is asked here is what is lost, not how long it may take on a busy machine.
            _services = new ServiceCollection().AddLarder(options => options.SecondLevelTimeout = TimeSpan.FromSeconds(10)).UseRedis(server).AddNamespace("changes").Services.BuildServiceProvider();
            Namespace = _services.GetRequiredKeyedService<CacheNamespace>("changes");
        }

        public CacheNamespace Namespace { get; }

        public Task ReadyAsync() => Poll.UntilAsync(() => _services.GetRequiredService<CacheEngine>().IsTrusted, "the node hears itself");

        public ValueTask DisposeAsync() => _services.DisposeAsync();
    }
}
