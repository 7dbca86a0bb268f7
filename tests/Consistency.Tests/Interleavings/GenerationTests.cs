namespace Larder.Consistency.Tests.Interleavings;

/// <summary>The counter that orders invalidations within a process.</summary>
public sealed class GenerationTests : Stage
{
    /// <summary>
    /// Whoever notes a count and then looks for a stamp must not find one that was learned before that count: the entry would
    /// pass for newer than the invalidation that the count stands for.
    /// </summary>
    [Fact]
    public async Task Nobody_sees_a_count_before_the_group_has_forgotten_its_stamp()
    {
        var groups = One.Engine.Groups;
        var tag = One.Engine.Scope(CacheScope.Shared("counted")).Tag("tag");
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        var learner = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                // The stamp says at which generation it was learned.
                var generation = tag.Generation;
                tag.Learn(generation + 1, generation, long.MaxValue, long.MaxValue);
            }
        });
        var invalidator = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                groups.Invalidate(tag);
            }
        });
        var early = 0L;
        while (!stop.IsCancellationRequested && early == 0)
        {
            // Other groups of the node are still: from the first invalidation on each count is one of this tag.
            var count = groups.Counter;
            if (tag.TryGetStamp(long.MinValue, long.MinValue, out var learnedAt) && tag.Generation >= count && learnedAt - 1 < count && learnedAt > 1)
            {
                early = count;
            }
        }

        await stop.CancelAsync();
        await Task.WhenAll(learner, invalidator);
        Assert.Equal(0, early);
    }
}
