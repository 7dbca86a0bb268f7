using Larder.Consistency.Checking;
using Larder.Tests.Shared;

namespace Larder.Consistency.Commands;

/// <summary>Index sets under writers that change what belongs to them.</summary>
internal static class IndexesCommand
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var name = arguments.Text("server", "redis");
        var kind = arguments.Choice("server", ServerKind.Redis, except: "memory");
        var seconds = arguments.Number("seconds", 60);
        var writers = arguments.Number("writers", 8);
        var entries = arguments.Number("entries", 10_000);
        var seed = arguments.Number("seed", 1);
        arguments.End();

        await using var server = name == "memory" ? null : await TestServer.StartAsync(kind);
        var verdict = await new IndexSoak(server) { Writers = writers, Entries = entries, Seed = seed }.RunAsync(TimeSpan.FromSeconds(seconds));
        Console.WriteLine(
            $"{name}: {verdict.Writes:N0} writes, {verdict.RemovedByIndex:N0} entries removed by index, {verdict.Reads:N0} read by index; "
            + $"{verdict.Alive:N0} entries alive at the end with {verdict.Memberships:N0} memberships; {verdict.Violations.Count} violations");
        foreach (var violation in verdict.Violations.Take(20))
        {
            Console.WriteLine("  " + violation);
        }

        return verdict.Violations.Count == 0 && verdict.Memberships > 0 ? 0 : 1;
    }
}
