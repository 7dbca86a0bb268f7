using System.Diagnostics;
using Larder.Resilience.Nodes;
using Larder.Resilience.Traffic;

namespace Larder.Resilience;

/// <summary>Finds out when nodes use the server again: what one writes, the other reads, in both directions.</summary>
internal sealed class Recovery(CacheNode[] nodes, TimeSpan longest)
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);

    /// <summary>Null if they never did.</summary>
    public TimeSpan? Took { get; private set; }

    public int Failed { get; private set; }

    public int Wrong { get; private set; }

    public async Task RunAsync(Failures failures)
    {
        var from = Stopwatch.GetTimestamp();
        var seen = await Task.WhenAll(
            UntilSeenAsync(nodes[0], nodes[^1], from, failures),
            UntilSeenAsync(nodes[^1], nodes[0], from, failures));
        Took = seen.Contains(null) ? null : seen.Max();
    }

    private async Task<TimeSpan?> UntilSeenAsync(CacheNode writer, CacheNode reader, long from, Failures failures)
    {
        while (Stopwatch.GetElapsedTime(from) < longest)
        {
            try
            {
                // A new key each time: what could not be written before is not what is looked for.
                var key = $"probe:{Guid.NewGuid():N}";
                await writer.Cache.SetAsync(key, key);
                var found = await reader.Cache.TryGetAsync<string>(key);
                if (found.IsFound && found.Value == key)
                {
                    return Stopwatch.GetElapsedTime(from);
                }

                if (found.IsFound)
                {
                    Wrong++;
                    failures.Add("a probe's value is another's");
                }
            }
            catch (Exception exception)
            {
                Failed++;
                failures.Add("probe", exception);
            }

            await Task.Delay(Step);
        }

        return null;
    }
}
