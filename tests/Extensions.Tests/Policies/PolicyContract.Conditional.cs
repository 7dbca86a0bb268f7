using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Policies;

public abstract partial class PolicyContract
{
    [ContractFact]
    public async Task A_load_sees_what_it_replaces_and_says_that_it_is_still_right()
    {
        await ReadAsync("key", (entry, _) =>
        {
            Assert.False(entry.TryGetStale<string>(out var _));
            Assert.Null(entry.StaleETag);
            entry.ETag = "\"v1\"";
            entry.Tags.Add("late");
            return new ValueTask<string?>("value");
        }, FailSafe);
        await AdvanceAsync(TimeSpan.FromMinutes(2));
        Assert.Equal("value", await ReadAsync("key", NotModified, FailSafe));
        Assert.Equal(2, Runs);

        // Its tags, its ETag and a new life.
        await AdvanceAsync(TimeSpan.FromSeconds(59));
        Assert.Equal("value", await ReadAsync("key", Value("unused"), FailSafe));
        await AdvanceAsync(TimeSpan.FromMinutes(1));
        Assert.Equal("value", await ReadAsync("key", NotModified, FailSafe));
        await Cache.RemoveByTagAsync("late");
        Assert.Equal("new", await ReadAsync("key", Value("new"), FailSafe));

        static ValueTask<string?> NotModified(CacheEntryContext entry, CancellationToken token)
        {
            Assert.Equal("\"v1\"", entry.StaleETag);
            Assert.True(entry.TryGetStale<string>(out var stale));
            Assert.Equal("value", stale);
            entry.NotModified();
            return new ValueTask<string?>("not to be looked at");
        }
    }

    [ContractFact]
    public async Task The_source_may_confirm_what_another_node_loaded()
    {
        if (!Backend.IsShared)
        {
            return;
        }

        await ReadAsync("key", (entry, _) =>
        {
            entry.ETag = "v1";
            return new ValueTask<string?>("value");
        }, FailSafe);
        var other = await StartAsync(null);
        Clock.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal("value", await other.Cache.GetOrCreateAsync("key", (entry, _) =>
        {
            Assert.Equal("v1", entry.StaleETag);
            entry.NotModified();
            return new ValueTask<string?>((string?)null);
        }, FailSafe));
    }

    [ContractFact]
    public async Task Nothing_can_be_not_modified_where_there_is_nothing()
    {
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(async () => await ReadAsync("key", (entry, _) =>
        {
            entry.NotModified();
            return new ValueTask<string?>("value");
        }, FailSafe));

        Assert.Contains("TryGetStale", failure.Message, StringComparison.Ordinal);
    }

    [ContractFact]
    public async Task A_removed_key_leaves_nothing_to_confirm()
    {
        await ReadAsync("key", Value("old"), FailSafe);
        await Cache.RemoveAsync("key");

        Assert.Equal("new", await ReadAsync("key", (entry, _) =>
        {
            Assert.False(entry.TryGetStale<string>(out var _));
            return new ValueTask<string?>("new");
        }, FailSafe));
    }

    [ContractFact]
    public async Task An_etag_that_is_too_long_is_refused_with_its_length()
    {
        var failure = await Assert.ThrowsAsync<ArgumentException>(async () => await ReadAsync("key", (entry, _) =>
        {
            entry.ETag = new string('e', 1_025);
            return new ValueTask<string?>("value");
        }));

        Assert.Contains("1025", failure.Message, StringComparison.Ordinal);
    }
}
