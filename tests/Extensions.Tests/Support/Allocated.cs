using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests;

/// <summary>What reads of an entry in memory allocate.</summary>
internal static class Allocated
{
    private const int Rounds = 500;
    private const int HitsOfARound = 10_000;

    /// <summary>The least that ten thousand hits on the entry <c>key</c> allocate, in bytes.</summary>
    /// <remarks>
    /// What a hit allocates it allocates in each round, so the first round without any is the answer. Rounds with some may come before it: code allocates when it is compiled, and more as long as it
    /// is not optimized, which among many other tests takes a while.
    /// </remarks>
    public static long ByHits(HybridCache cache) => ByHits(cache, out _);

    /// <summary>As <see cref="ByHits(HybridCache)"/>, and how many hits it took.</summary>
    public static long ByHits(HybridCache cache, out long hits)
    {
        var least = long.MaxValue;
        hits = 0;
        for (var round = 0; round < Rounds && least != 0; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < HitsOfARound; i++)
            {
                Assert.True(cache.GetOrCreateAsync("key", 0, static (_, _) => new ValueTask<string>("loaded")).IsCompletedSuccessfully);
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            hits += HitsOfARound;
        }

        return least;
    }
}
