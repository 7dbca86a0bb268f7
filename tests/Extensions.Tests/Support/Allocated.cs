using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests;

/// <summary>What reads of an entry in memory allocate.</summary>
internal static class Allocated
{
    private const int Rounds = 500;
    private const int HitsOfARound = 10_000;

    /// <summary>The least that a piece of work allocates on this thread, in bytes, of as many times as it takes to allocate no more than allowed.</summary>
    /// <remarks>What it needs it allocates each time; the rest is what code allocates while it is compiled, which among many other tests takes a while.</remarks>
    public static long AtLeast(Action work, long allowed = 0)
    {
        var least = long.MaxValue;
        for (var round = 0; round < Rounds && least > allowed; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }

    /// <summary>The least that ten thousand hits on the entry <c>key</c> allocate, in bytes.</summary>
    public static long ByHits(HybridCache cache) => ByHits(cache, out _);

    /// <summary>As <see cref="ByHits(HybridCache)"/>, and how many hits it took.</summary>
    /// <remarks>
    /// In an equal scope that nobody else has. One remembers where one engine keeps its state, and who finds another's there has to look: that of the tests at large is looked for by
    /// whatever engines run at the same time.
    /// </remarks>
    public static long ByHits(HybridCache cache, out long hits)
    {
        var view = ScopedHybridCache.From(cache).Scope;
        var common = view ?? CacheScope.Current;
        var own = new CacheScope(common.Tenant, common.Project, common.Namespace);
        using var use = CacheScope.Use(own);
        cache = view is null ? cache : cache.InScope(own);
        var rounds = 0;
        var least = AtLeast(() =>
        {
            rounds++;
            for (var i = 0; i < HitsOfARound; i++)
            {
                Assert.True(cache.GetOrCreateAsync("key", 0, static (_, _) => new ValueTask<string>("loaded")).IsCompletedSuccessfully);
            }
        });
        hits = rounds * HitsOfARound;
        return least;
    }
}
