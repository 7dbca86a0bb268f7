using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    [ContractFact]
    public async Task Removing_a_tag_removes_what_carries_it_and_nothing_else()
    {
        await Cache.GetOrCreateAsync("loaded", _ => new ValueTask<int>(1), tags: ["red"]);
        await Cache.SetAsync("set", 2, tags: ["red"]);
        await Cache.SetAsync("other", 3, tags: ["Red", "blue"]);
        await Cache.SetAsync("none", 4);

        await Cache.RemoveByTagAsync("red");

        Assert.Equal((int[])[0, 0, 3, 4], await PeekAllAsync("loaded", "set", "other", "none"));
    }

    [ContractFact]
    public async Task An_entry_goes_with_any_of_its_tags()
    {
        string[] tags = ["one", "two", "three"];
        foreach (var tag in tags)
        {
            await Cache.SetAsync("key", 1, tags: tags);
            await Cache.RemoveByTagAsync(tag);
            Assert.Equal(0, await PeekAsync<int>(Cache, "key"));
        }
    }

    [ContractFact]
    public async Task Several_tags_are_removed_at_once()
    {
        await Cache.SetAsync("a", 1, tags: ["one"]);
        await Cache.SetAsync("b", 2, tags: ["two"]);
        await Cache.SetAsync("c", 3, tags: ["three"]);

        await Cache.RemoveByTagAsync(["one", "three"]);
        await Cache.RemoveByTagAsync((IEnumerable<string>)[]);

        Assert.Equal((int[])[0, 2, 0], await PeekAllAsync("a", "b", "c"));
    }

    [ContractFact]
    public async Task After_its_tag_was_removed_an_entry_can_be_cached_again()
    {
        var source = new CountedFactory<int>(call => call);
        Assert.Equal(1, await source.ReadAsync(Cache, "key", tags: ["tag"]));
        await Cache.RemoveByTagAsync("tag");
        Clock.Advance(TimeSpan.FromMilliseconds(20));

        Assert.Equal(2, await source.ReadAsync(Cache, "key", tags: ["tag"]));
        Assert.Equal(2, await source.ReadAsync(Cache, "key", tags: ["tag"]));
    }

    [ContractFact]
    public async Task An_entry_that_is_replaced_has_the_new_tags_only()
    {
        await Cache.SetAsync("key", 1, tags: ["old"]);
        await Cache.SetAsync("key", 2, tags: ["new"]);

        await Cache.RemoveByTagAsync("old");
        Assert.Equal(2, await PeekAsync<int>(Cache, "key"));
        await Cache.RemoveByTagAsync("new");
        Assert.Equal(0, await PeekAsync<int>(Cache, "key"));
    }

    [ContractFact]
    public async Task The_tag_star_removes_everything()
    {
        await Cache.SetAsync("tagged", 1, tags: ["tag"]);
        await Cache.SetAsync("untagged", 2);

        await Cache.RemoveByTagAsync("*");
        Assert.Equal((int[])[0, 0], await PeekAllAsync("tagged", "untagged"));

        Clock.Advance(TimeSpan.FromMilliseconds(20));
        await Cache.SetAsync("untagged", 3);
        Assert.Equal(3, await PeekAsync<int>(Cache, "untagged"));
    }

    [ContractFact]
    public async Task Tags_come_as_any_kind_of_sequence_and_more_than_once()
    {
        IEnumerable<string> Lazily()
        {
            for (var i = 0; i < 20; i++)
            {
                yield return $"lazy {i % 15}";
            }
        }

        await Cache.SetAsync("lazy", 1, tags: Lazily());
        await Cache.SetAsync("set", 2, tags: new HashSet<string> { "set" });
        await Cache.SetAsync("empty", 3, tags: []);

        await Cache.RemoveByTagAsync("lazy 14");
        await Cache.RemoveByTagAsync("set");

        Assert.Equal((int[])[0, 0, 3], await PeekAllAsync("lazy", "set", "empty"));
    }

    [ContractFact]
    public async Task Tags_given_with_a_hit_change_nothing()
    {
        await Cache.SetAsync("key", 1, tags: ["given when stored"]);
        await Cache.GetOrCreateAsync("key", _ => new ValueTask<int>(2), tags: ["given with the hit"]);

        await Cache.RemoveByTagAsync("given with the hit");

        Assert.Equal(1, await PeekAsync<int>(Cache, "key"));
    }

    [ContractFact]
    public async Task A_tag_may_contain_any_character()
    {
        string[] tags = ["a:b", "a%3Ab", "{a}", "a b", "ä€😀", "a|b,c;d", "**", "#a"];
        foreach (var tag in tags)
        {
            await Cache.SetAsync(tag, 1, tags: [tag]);
        }

        for (var i = 0; i < tags.Length; i++)
        {
            await Cache.RemoveByTagAsync(tags[i]);
            Assert.Equal(Enumerable.Repeat(0, i + 1).Concat(Enumerable.Repeat(1, tags.Length - i - 1)), await PeekAllAsync(tags));
        }
    }

    [ContractFact]
    public async Task A_tag_removed_while_its_entry_is_loaded_holds_for_the_result()
    {
        if (FencesLoads)
        {
            await LoadsAreFencedAsync(() => Cache.RemoveByTagAsync("tag"));
        }
    }

    [ContractFact]
    public async Task A_tag_removed_on_one_node_holds_on_the_others()
    {
        if (IsShared && FencesLoads)
        {
            await HoldsOnTheOthersAsync(() => Cache.RemoveByTagAsync("tag"));
        }
    }

    [ContractFact]
    public async Task A_star_removed_on_one_node_holds_on_the_others()
    {
        if (IsShared && FencesLoads)
        {
            await HoldsOnTheOthersAsync(() => Cache.RemoveByTagAsync("*"));
        }
    }

    private async Task<int[]> PeekAllAsync(params string[] keys)
    {
        var values = new int[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            values[i] = await PeekAsync<int>(Cache, keys[i]);
        }

        return values;
    }
}
