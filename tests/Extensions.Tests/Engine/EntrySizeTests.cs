using Larder.Engine;
using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>What entries are counted at in memory, and what counts for the bound of a value.</summary>
public sealed class EntrySizeTests
{
    private static readonly string[] LongTags = [.. Enumerable.Range(0, 10).Select(i => $"{i}{new string('t', 200)}")];

    [Fact]
    public async Task Ever_new_tags_do_not_grow_memory_beyond_its_bound()
    {
        const long Bound = 1024 * 1024;
        await using var engine = TestEngine.InMemory(options => options.MaximumMemoryBytes = Bound);
        var cache = new ScopedHybridCache(engine, CacheScope.Raw);
        for (var i = 0; i < 1_000; i++)
        {
            await cache.SetAsync($"key {i}", i, tags: LongTags.Select(tag => $"{i} {tag}"));
        }

        // Each tag's name alone is 400 bytes, and it is kept twice.
        Assert.InRange(engine.Memory.Count, 1, Bound / (LongTags.Length * 800));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tags_count_whether_a_value_was_set_or_loaded(bool isLoaded)
    {
        Assert.InRange(await BytesAsync(LongTags) - await BytesAsync([]), LongTags.Length * 800, LongTags.Length * 2_000);

        async Task<long> BytesAsync(string[] tags)
        {
            await using var engine = TestEngine.InMemory();
            var cache = new ScopedHybridCache(engine, CacheScope.Raw);
            if (isLoaded)
            {
                await cache.GetOrCreateAsync("key", _ => new ValueTask<int>(1), tags: tags);
            }
            else
            {
                await cache.SetAsync("key", 1, tags: tags);
            }

            return engine.Memory.Bytes;
        }
    }

    /// <summary>The bound is one on values; what Larder puts before them is not the application's.</summary>
    [Fact]
    public async Task A_value_within_the_bound_is_stored_however_long_its_tags_are()
    {
        var level = new TestSecondLevel();
        await using var engine = TestEngine.Create(level, null, options => options.MaximumPayloadBytes = 10);
        var cache = new ScopedHybridCache(engine, CacheScope.Raw);

        await cache.SetAsync("within", new string('x', 10), tags: LongTags);
        await cache.SetAsync("beyond", new string('x', 11), tags: LongTags);

        Assert.EndsWith("within", Assert.Single(level.Keys), StringComparison.Ordinal);
    }
}
