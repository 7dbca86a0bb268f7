using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    [ContractTheory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("\t\n")]
    public async Task An_empty_key_is_no_error_and_is_not_cached(string? key)
    {
        var source = new CountedFactory<int>(call => call);

        Assert.Equal(1, await source.ReadAsync(Cache, key!));
        Assert.Equal(2, await source.ReadAsync(Cache, key!));
        Assert.Equal(3, await Cache.GetOrCreateAsync(key.AsSpan(), source.LoadAsync));
        Assert.Equal(0, await source.ReadAsync(Cache, key!, With(HybridCacheEntryFlags.DisableUnderlyingData)));
        Assert.Equal(3, source.Calls);
    }

    [ContractTheory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("*")]
    public async Task A_tag_that_is_empty_or_reserved_is_refused(string? tag)
    {
        var source = new CountedFactory<int>(1);

        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await source.ReadAsync(Cache, "loaded", tags: ["fine", tag!]));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await source.ReadAsync(Cache, "loaded", tags: [tag!]));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Cache.SetAsync("set", 1, tags: [tag!]));

        Assert.Equal(0, source.Calls);
        Assert.Equal(0, await PeekAsync<int>(Cache, "set"));
    }

    [ContractTheory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    public async Task Removing_an_empty_tag_removes_nothing(string? tag)
    {
        await Cache.SetAsync("key", 1, tags: ["tag"]);

        var failure = await Record.ExceptionAsync(async () => await Cache.RemoveByTagAsync(tag!));

        Assert.Equal(RefusesEmptyTags ? typeof(ArgumentException) : null, failure?.GetType());
        Assert.Equal(1, await PeekAsync<int>(Cache, "key"));
    }

    [ContractFact]
    public async Task Removing_no_key_is_refused() =>
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Cache.RemoveAsync((string)null!));

    [ContractFact]
    public async Task A_value_beyond_the_greatest_size_is_returned_and_not_cached()
    {
        var node = await StartNodeAsync(options => options.MaximumPayloadBytes = 100);
        var source = new CountedFactory<byte[]>(call => [.. Enumerable.Repeat((byte)call, 101)]);

        Assert.Equal(1, (await source.ReadAsync(node.Cache, "key"))[100]);
        Assert.Equal(OversizeStaysInMemory ? 1 : 2, (await source.ReadAsync(node.Cache, "key"))[100]);
        Assert.Null(await PeekAsync<byte[]>((await StartNodeAsync()).Cache, "key"));
    }

    [ContractFact]
    public async Task A_value_of_the_greatest_size_is_cached_at_both_levels()
    {
        var node = await StartNodeAsync(options => options.MaximumPayloadBytes = 100);
        var other = await StartNodeAsync();
        await node.Cache.SetAsync("key", new byte[100], tags: ["tag"]);

        Assert.Equal(100, (await PeekAsync<byte[]>(node.Cache, "key"))?.Length);
        Assert.Equal(IsShared ? 100 : null, (await PeekAsync<byte[]>(other.Cache, "key"))?.Length);
    }

    /// <summary>Whether a value that is too large for the second level is kept on the node that has it.</summary>
    protected virtual bool OversizeStaysInMemory => false;
}
