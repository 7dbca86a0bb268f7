using System.Diagnostics;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Checking;

/// <summary>G6: what the removal of a tag costs with so many entries under it.</summary>
internal static class TagCost
{
    private const int Calls = 400;

    /// <summary>What one removal took (median and 99th percentile), and how many commands the server got for each.</summary>
    internal sealed record Cost(int Entries, TimeSpan Median, TimeSpan Late, double Commands, double BytesAllocated);

    public static async Task<Cost> MeasureAsync(PlainNode node, ITestServer server, int entries)
    {
        var cache = node.Cache.InScope(CacheScope.Shared($"with {entries}"));
        for (var i = 0; i < entries; i += 500)
        {
            await Task.WhenAll(Enumerable.Range(i, Math.Min(500, entries - i)).Select(k => cache.SetAsync($"key {k}", "value", tags: ["tag"]).AsTask()));
        }

        for (var i = 0; i < Calls; i++)
        {
            await cache.RemoveByTagAsync("tag");
        }

        var before = await server.CountCommandsAsync();
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var times = new TimeSpan[Calls];
        for (var i = 0; i < Calls; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await cache.RemoveByTagAsync("tag");
            times[i] = Stopwatch.GetElapsedTime(started);
        }

        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        var after = await server.CountCommandsAsync();
        Array.Sort(times);

        // One script with what it runs, and one message. Heartbeats come on top now and then.
        return new Cost(entries, times[Calls / 2], times[Calls * 99 / 100], after.Since(before).Total / (double)Calls, allocated / (double)Calls);
    }
}
