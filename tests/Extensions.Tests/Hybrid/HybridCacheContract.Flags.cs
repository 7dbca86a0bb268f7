using Larder.Tests.Shared;
using Xunit;
using static Microsoft.Extensions.Caching.Hybrid.HybridCacheEntryFlags;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    [ContractFact]
    public async Task With_all_levels_disabled_every_call_runs_the_factory()
    {
        var source = new CountedFactory<int>(call => call);

        Assert.Equal(1, await source.ReadAsync(Cache, "key", With(DisableLocalCache | DisableDistributedCache)));
        Assert.Equal(2, await source.ReadAsync(Cache, "key", With(DisableLocalCache | DisableDistributedCache)));
        Assert.Equal(3, await source.ReadAsync(Cache, "key"));
    }

    [ContractFact]
    public async Task With_all_reads_disabled_the_factory_runs_and_its_value_replaces_the_old_one()
    {
        var source = new CountedFactory<string>("new");
        await Cache.SetAsync("key", "old");

        Assert.Equal("new", await source.ReadAsync(Cache, "key", With(DisableLocalCacheRead | DisableDistributedCacheRead)));
        Assert.Equal("new", await PeekAsync("key"));
    }

    [ContractFact]
    public async Task Without_underlying_data_a_miss_is_default_and_nothing_is_stored()
    {
        var source = new CountedFactory<int>(5);

        Assert.Equal(0, await source.ReadAsync(Cache, "key", With(DisableUnderlyingData)));
        Assert.Equal(0, source.Calls);
        Assert.Equal(5, await source.ReadAsync(Cache, "key"));
        Assert.Equal(5, await source.ReadAsync(Cache, "key", With(DisableUnderlyingData)));
    }

    [ContractFact]
    public async Task A_value_with_compression_disabled_is_the_same_value()
    {
        var text = new string('a', 20_000);
        await Cache.SetAsync("set", text, With(DisableCompression));
        await Cache.GetOrCreateAsync("loaded", _ => new ValueTask<string>(text), With(DisableCompression));

        Assert.Equal(text, await PeekAsync("set"));
        Assert.Equal(text, await PeekAsync("loaded"));
        if (IsShared)
        {
            Assert.Equal(text, await PeekAsync("set", DisableLocalCache));
            Assert.Equal(text, await PeekAsync("loaded", DisableLocalCache));
        }
    }

    [ContractFact]
    public async Task Memory_is_read_unless_disabled()
    {
        await PutDifferentValuesAsync();

        Assert.Equal("in memory", await PeekAsync("key"));
        Assert.Equal("in memory", await PeekAsync("key", DisableDistributedCacheRead));
        Assert.Equal(IsShared && LevelsMayDiffer ? "shared" : null, await PeekAsync("key", DisableLocalCache));
    }

    [ContractFact]
    public async Task The_second_level_is_read_unless_disabled()
    {
        var source = new CountedFactory<string>("loaded");
        await Cache.SetAsync("key", "shared", With(DisableLocalCacheWrite));

        Assert.Null(await PeekAsync("key", DisableDistributedCacheRead));
        Assert.Equal(IsShared ? "shared" : null, await PeekAsync("key", DisableLocalCacheWrite));
        Assert.Equal("loaded", await source.ReadAsync(Cache, "key", With(DisableLocalCache | DisableDistributedCache)));
        Assert.Equal(1, source.Calls);
    }

    [ContractFact]
    public async Task What_the_second_level_held_goes_into_memory_unless_disabled()
    {
        await Cache.SetAsync("key", "shared", With(DisableLocalCacheWrite));

        _ = await PeekAsync("key", DisableLocalCacheWrite);
        Assert.Null(await PeekAsync("key", DisableDistributedCacheRead));

        _ = await PeekAsync("key");
        Assert.Equal(IsShared ? "shared" : null, await PeekAsync("key", DisableDistributedCacheRead));
    }

    [ContractFact]
    public async Task A_loaded_value_goes_into_memory_unless_disabled()
    {
        await new CountedFactory<string>("kept").ReadAsync(Cache, "kept", With(DisableDistributedCache));
        await new CountedFactory<string>("not kept").ReadAsync(Cache, "not kept", With(DisableLocalCacheWrite));

        Assert.Equal("kept", await PeekAsync("kept", DisableDistributedCacheRead));
        Assert.Null(await PeekAsync("not kept", DisableDistributedCacheRead));
    }

    [ContractFact]
    public async Task A_loaded_value_goes_to_the_second_level_unless_disabled()
    {
        await new CountedFactory<string>("shared").ReadAsync(Cache, "shared", With(DisableLocalCacheWrite));
        await new CountedFactory<string>("not shared").ReadAsync(Cache, "not shared", With(DisableDistributedCacheWrite));

        Assert.Equal(IsShared ? "shared" : null, await PeekAsync("shared"));
        Assert.Null(await PeekAsync("not shared", DisableLocalCacheRead));
        Assert.Equal("not shared", await PeekAsync("not shared"));
    }

    [ContractFact]
    public async Task A_default_flag_holds_for_calls_that_give_no_options()
    {
        var node = await StartNodeAsync(options => options.DefaultFlags = DisableLocalCache | DisableDistributedCache);
        var source = new CountedFactory<int>(call => call);

        Assert.Equal(1, await source.ReadAsync(node.Cache, "key"));
        Assert.Equal(2, await source.ReadAsync(node.Cache, "key"));
        Assert.Equal(3, await source.ReadAsync(node.Cache, "key", With(None)));
        Assert.Equal(3, await source.ReadAsync(node.Cache, "key", With(None)));
    }

    // A different value at each level tells which one answered.
    private async Task PutDifferentValuesAsync()
    {
        await Cache.SetAsync("key", "shared", With(DisableLocalCacheWrite));
        await Cache.SetAsync("key", "in memory", With(DisableDistributedCacheWrite));
    }
}
