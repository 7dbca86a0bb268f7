using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    [ContractFact]
    public async Task A_miss_runs_the_factory_and_a_hit_does_not()
    {
        var source = new CountedFactory<string>(call => $"value {call}");

        Assert.Equal("value 1", await source.ReadAsync(Cache, "key"));
        Assert.Equal("value 1", await source.ReadAsync(Cache, "key"));
        Assert.Equal(1, source.Calls);
    }

    [ContractFact]
    public async Task Keys_are_told_apart_by_every_character()
    {
        string[] keys = ["key", "Key", "key ", " key", "key1", "kéy", "ke\u0301y", "\u006B\u200Bey"];
        foreach (var key in keys)
        {
            Assert.Equal($"value of {key}", await Cache.GetOrCreateAsync(key, _ => new ValueTask<string>($"value of {key}")));
        }

        foreach (var key in keys)
        {
            Assert.Equal($"value of {key}", await PeekAsync(key));
        }
    }

    [ContractFact]
    public async Task The_state_is_handed_to_the_factory()
    {
        var value = await Cache.GetOrCreateAsync("key", (Name: "state", Number: 7), static (state, _) => new ValueTask<string>($"{state.Name} {state.Number}"));

        Assert.Equal("state 7", value);
    }

    [ContractFact]
    public async Task A_value_that_was_set_is_read_without_the_factory()
    {
        var source = new CountedFactory<string>("loaded");
        await Cache.SetAsync("key", "set");

        Assert.Equal("set", await source.ReadAsync(Cache, "key"));
        Assert.Equal(0, source.Calls);
    }

    [ContractFact]
    public async Task Setting_replaces_what_was_loaded_or_set()
    {
        await new CountedFactory<string>("loaded").ReadAsync(Cache, "key");
        await Cache.SetAsync("key", "first");
        Assert.Equal("first", await PeekAsync("key"));

        await Cache.SetAsync("key", "second");
        Assert.Equal("second", await PeekAsync("key"));
    }

    [ContractFact]
    public async Task What_one_node_loads_the_other_finds_where_they_share()
    {
        var other = await StartNodeAsync();
        await Cache.GetOrCreateAsync("loaded", _ => new ValueTask<int>(1));
        await Cache.SetAsync("set", 2);

        var source = new CountedFactory<int>(-1);
        var loaded = await source.ReadAsync(other.Cache, "loaded");
        var set = await source.ReadAsync(other.Cache, "set");

        Assert.Equal(IsShared ? (1, 2, 0) : (-1, -1, 2), (loaded, set, source.Calls));
    }

    [ContractFact]
    public async Task A_synchronous_factory_and_a_slow_one_are_alike()
    {
        Assert.Equal(1, await Cache.GetOrCreateAsync("at once", _ => new ValueTask<int>(1)));
        Assert.Equal(2, await Cache.GetOrCreateAsync("later", async _ =>
        {
            await Task.Yield();
            return 2;
        }));
        Assert.Equal((1, 2), (await PeekAsync<int>(Cache, "at once"), await PeekAsync<int>(Cache, "later")));
    }

    [ContractFact]
    public async Task Many_different_keys_at_once_each_get_their_own_value()
    {
        var values = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(async () =>
            await Cache.GetOrCreateAsync($"key {i % 50}", i % 50, static (number, _) => new ValueTask<int>(number)))));

        Assert.Equal(Enumerable.Range(0, 200).Select(i => i % 50), values);
    }
}
