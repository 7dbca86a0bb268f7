using System.Globalization;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Checking;

/// <summary>G5: one load per key, whatever the number of callers and nodes, and a loader that dies holds up nobody for long.</summary>
internal sealed record OneLoad(ITestServer Server)
{
    public int Processes { get; init; } = 4;

    public int Callers { get; init; } = 1_000;

    public TimeSpan Load { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>All processes ask for a cold key at once.</summary>
    public async Task<Outcome> ColdAsync()
    {
        await using var nodes = await StartAsync();
        await nodes.AskAsync("cold", Callers, Load);
        return await nodes.AnswersAsync();
    }

    /// <summary>The same, and whoever loads is killed while it does.</summary>
    public async Task<Outcome> KilledAsync()
    {
        await using var nodes = await StartAsync();
        await nodes.AskAsync("killed", Callers, Load);
        var loader = await nodes.FirstToSayAsync("loading");
        await loader.KillAsync();
        nodes.Remove(loader);
        return await nodes.AnswersAsync();
    }

    private async Task<Group> StartAsync()
    {
        var lease = Lease.TotalMilliseconds.ToString(CultureInfo.InvariantCulture);
        var group = new Group([.. Enumerable.Range(0, Processes).Select(_ => new ChildProcess("loader", Server.ConnectionString, lease))]);
        await group.ReadyAsync();
        return group;
    }

    /// <summary>What the surviving processes report.</summary>
    /// <param name="Loads">How often the factory ran to its end in them.</param>
    /// <param name="Values">How many different values their callers got.</param>
    /// <param name="Longest">How long the slowest process took for all its callers.</param>
    internal sealed record Outcome(int Loads, int Values, TimeSpan Longest);

    private sealed class Group(List<ChildProcess> processes) : IAsyncDisposable
    {
        public Task ReadyAsync() => Task.WhenAll(processes.Select(process => process.HearAsync("ready")));

        public Task AskAsync(string key, int callers, TimeSpan load) =>
            Task.WhenAll(processes.Select(process => process.SayAsync(string.Create(CultureInfo.InvariantCulture, $"go {key} {callers} {load.TotalMilliseconds:0}"))));

        public async Task<ChildProcess> FirstToSayAsync(string word)
        {
            ChildProcess? first = null;
            await Poll.UntilAsync(() => (first = processes.FirstOrDefault(process => process.HasSaid(word))) is not null, $"a process says '{word}'");
            return first!;
        }

        public void Remove(ChildProcess process) => processes.Remove(process);

        public async Task<Outcome> AnswersAsync()
        {
            var answers = (await Task.WhenAll(processes.Select(process => process.HearAsync("done")))).Select(answer => answer.Split(' ')).ToArray();
            return new Outcome(
                answers.Sum(answer => int.Parse(answer[0], CultureInfo.InvariantCulture)),
                answers.SelectMany(answer => answer[2].Split(',')).Distinct().Count(),
                TimeSpan.FromMilliseconds(answers.Max(answer => double.Parse(answer[1], CultureInfo.InvariantCulture))));
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var process in processes)
            {
                await process.DisposeAsync();
            }
        }
    }
}
