using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests;

/// <summary>What reads of an entry in memory allocate.</summary>
internal static class Allocated
{
    private const int Rounds = 5;
    private const int HitsOfARound = 10_000;

    /// <summary>How many hits <see cref="ByHits"/> makes.</summary>
    public const int Hits = Rounds * HitsOfARound;

    /// <summary>
    /// The bytes of ten thousand hits on the entry <c>key</c>, in the best of some rounds: what a hit allocates it allocates in each. The first run of any code allocates what is made once, and so
    /// does its compilation, on the thread that runs it.
    /// </summary>
    public static long ByHits(HybridCache cache)
    {
        var least = long.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < HitsOfARound; i++)
            {
                Assert.True(cache.GetOrCreateAsync("key", 0, static (_, _) => new ValueTask<string>("loaded")).IsCompletedSuccessfully);
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
