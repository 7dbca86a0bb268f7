using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    [ContractFact]
    public async Task A_removed_key_is_loaded_again()
    {
        var source = new CountedFactory<int>(call => call);
        await source.ReadAsync(Cache, "key");

        await Cache.RemoveAsync("key");

        Assert.Equal(2, await source.ReadAsync(Cache, "key"));
    }

    [ContractFact]
    public async Task Removing_many_keys_removes_these_and_no_others()
    {
        for (var i = 1; i <= 5; i++)
        {
            await Cache.SetAsync($"{i}", i);
        }

        await Cache.RemoveAsync(["2", "4", "no such key", "2"]);
        await Cache.RemoveAsync((IEnumerable<string>)[]);

        Assert.Equal((int[])[1, 0, 3, 0, 5], await PeekAllAsync("1", "2", "3", "4", "5"));
    }

    [ContractFact]
    public async Task Removing_what_is_not_there_is_fine()
    {
        await Cache.RemoveAsync("no such key");
        await Cache.RemoveByTagAsync("no such tag");

        Assert.Equal(1, await Cache.GetOrCreateAsync("no such key", _ => new ValueTask<int>(1)));
    }

    [ContractFact]
    public async Task A_key_removed_while_it_is_loaded_is_not_stored()
    {
        if (FencesLoads)
        {
            await LoadsAreFencedAsync(() => Cache.RemoveAsync("key"));
        }
    }

    [ContractFact]
    public async Task A_star_removed_while_an_entry_is_loaded_holds_for_the_result()
    {
        if (FencesLoads)
        {
            await LoadsAreFencedAsync(() => Cache.RemoveByTagAsync("*"));
        }
    }

    [ContractFact]
    public async Task A_value_set_while_its_key_is_loaded_stays()
    {
        if (!FencesLoads)
        {
            return;
        }

        var slow = new GatedFactory<string>();
        var load = Cache.GetOrCreateAsync("key", slow.LoadAsync).AsTask();
        await slow.Started;
        await Cache.SetAsync("key", "set");
        slow.Answer("loaded before");

        Assert.Equal("loaded before", await load);
        Assert.Equal("set", await PeekAsync("key"));
        var other = await StartNodeAsync();
        Assert.Equal(IsShared ? "set" : null, await PeekAsync<string>(other.Cache, "key"));
    }

    [ContractFact]
    public async Task A_key_removed_on_one_node_is_gone_on_the_others()
    {
        if (IsShared && FencesLoads && NoticesKeysOfOthers)
        {
            await HoldsOnTheOthersAsync(() => Cache.RemoveAsync("key"));
        }
    }

    [ContractFact]
    public async Task A_value_set_on_one_node_is_read_on_the_others()
    {
        if (!IsShared || !FencesLoads || !NoticesKeysOfOthers)
        {
            return;
        }

        var other = await StartNodeAsync();
        await other.Cache.SetAsync("key", "old");
        await Cache.SetAsync("key", "new");
        await CatchUpAsync();

        await Poll.UntilAsync(async () => await PeekAsync<string>(other.Cache, "key") == "new", "the other node reads the new value");
    }

    // A load that began before the invalidation answers its own caller; nobody who comes later sees its value.
    private async Task LoadsAreFencedAsync(Func<ValueTask> invalidate)
    {
        var slow = new GatedFactory<string>();
        var old = Cache.GetOrCreateAsync("key", slow.LoadAsync, tags: ["tag"]).AsTask();
        await slow.Started;

        await invalidate();
        Clock.Advance(TimeSpan.FromMilliseconds(20));
        var later = new CountedFactory<string>("new");
        Assert.Equal("new", await later.ReadAsync(Cache, "key", tags: ["tag"]).AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
        slow.Answer("old");
        Assert.Equal("old", await old);

        Assert.Equal("new", await later.ReadAsync(Cache, "key", tags: ["tag"]));
        var other = await StartNodeAsync();
        Assert.Equal("new", await later.ReadAsync(other.Cache, "key", tags: ["tag"]));
    }

    private async Task HoldsOnTheOthersAsync(Func<ValueTask> invalidate)
    {
        var other = await StartNodeAsync();
        await Cache.SetAsync("key", 1, tags: ["tag"]);
        Assert.Equal(1, await PeekAsync<int>(other.Cache, "key"));

        await invalidate();
        await CatchUpAsync();

        await Poll.UntilAsync(async () => await PeekAsync<int>(other.Cache, "key") == 0, "the other node no longer serves the value");
    }
}
