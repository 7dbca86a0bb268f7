using System.Text.Json.Nodes;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Namespaces;

public abstract partial class NamespaceContract
{
    /// <summary>How often each of 64 workers changes the value. A server takes its time.</summary>
    private protected virtual int Rounds => 1_000;

    [ContractFact]
    public async Task A_value_is_changed_by_what_it_is()
    {
        await Actions.SetAsync("record", new Action("ship", 3));
        await Actions.SetAsync("number", 7);
        await Actions.SetAsync("text", "a");

        Assert.Equal(new Action("ship", 4), (await Actions.UpdateAsync("record", (Action action) => action with { Count = action.Count + 1 })).Value);
        Assert.Equal(8, (await Actions.UpdateAsync("number", (int number) => number + 1)).Value);
        Assert.Equal("ab", (await Actions.UpdateAsync("text", (string text) => text + "b")).Value);
        Assert.Equal(new Action("ship", 4), await Actions.GetAsync<Action>("record"));
        Assert.Equal(8, await Actions.GetAsync<int>("number"));
        Assert.Equal("ab", await Actions.GetAsync<string>("text"));
    }

    [ContractFact]
    public async Task A_mutable_value_may_be_changed_in_place()
    {
        await Actions.SetAsync("list", new List<int> { 1 });
        var updated = await Actions.UpdateAsync("list", (List<int> list) =>
        {
            list.Add(2);
            return list;
        });
        updated.Value!.Add(3);

        Assert.Equal([1, 2], (await Actions.GetAsync<List<int>>("list"))!);
    }

    [ContractFact]
    public async Task Where_there_is_nothing_there_is_nothing_to_change()
    {
        await Actions.SetAsync("expired", 1, TimeSpan.FromSeconds(10));
        await Actions.SetAsync("invalidated", 1, entry => entry.Tag("tag"));
        await Actions.SetAsync("text", new List<string> { "no number" });
        await Actions.GetOrCreateAsync("not found", (entry, _) =>
        {
            entry.NotFound();
            return new ValueTask<int>(0);
        });
        await Actions.RemoveByTagAsync("tag");
        await AdvanceAsync(TimeSpan.FromSeconds(11));
        foreach (var key in new[] { "nothing", "expired", "invalidated", "not found" })
        {
            Assert.False((await Actions.UpdateAsync<int>(key, _ => throw new InvalidOperationException("asked"))).IsFound);
            Assert.False(await Actions.UpdateAsync(key, new { status = "confirmed" }));
            Assert.False(await Actions.ExpireAsync(key, TimeSpan.FromDays(1)));
            Assert.False(await Actions.TouchAsync(key));
            Assert.False(await Actions.ExistsAsync(key));
        }

        Assert.False((await Actions.UpdateAsync<int>("text", _ => throw new InvalidOperationException("asked"))).IsFound);
    }

    [ContractFact]
    public async Task Fields_are_merged_into_an_object()
    {
        await Actions.SetAsync("action", JsonNode.Parse("""{ "status": "open", "count": 1, "who": { "name": "alice", "age": 7 }, "tags": [1, 2], "gone": true }""")!.AsObject());

        Assert.True(await Actions.UpdateAsync("action", new { status = "confirmed", who = new { age = 8, town = "Ulm" }, tags = new[] { 3 }, gone = (bool?)null, @new = new { x = 1 } }));
        Assert.True(await Actions.UpdateAsync("action", new Dictionary<string, int> { ["count"] = 2 }));
        Assert.True(await Actions.UpdateAsync("action", JsonNode.Parse("""{ "who": { "town": null } }""")!.AsObject()));
        Assert.True(await Actions.UpdateAsync("action", new { }));
        Assert.Equal(
            """{"status":"confirmed","count":2,"who":{"name":"alice","age":8},"tags":[3],"new":{"x":1}}""",
            (await Actions.GetAsync<JsonObject>("action"))!.ToJsonString());
    }

    [ContractFact]
    public async Task Fields_of_a_type_of_the_applications_own_are_merged_whatever_text_they_hold()
    {
        await Actions.SetAsync("action", new Action("\u0000 <żółw> \"", 3));
        Assert.True(await Actions.UpdateAsync("action", new { Count = 4 }));

        Assert.Equal(new Action("\u0000 <żółw> \"", 4), await Actions.GetAsync<Action>("action"));
    }

    [ContractFact]
    public async Task What_is_no_object_has_no_fields_to_merge_and_stays()
    {
        await Actions.SetAsync("number", 7);
        await Actions.SetAsync("list", new List<int> { 1 });
        await Actions.SetAsync("bytes", new byte[] { 0xFF });
        await Actions.SetAsync<Action?>("null", null);
        foreach (var key in new[] { "number", "list", "bytes", "null" })
        {
            var refused = await Assert.ThrowsAsync<InvalidOperationException>(async () => await Actions.UpdateAsync(key, new { status = "confirmed" }));
            Assert.Contains($"'{key}'", refused.Message, StringComparison.Ordinal);
            Assert.Contains("UpdateAsync", refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(7, await Actions.GetAsync<int>("number"));
        Assert.Equal([1], (await Actions.GetAsync<List<int>>("list"))!);
        var changes = await Assert.ThrowsAsync<ArgumentException>(async () => await Actions.UpdateAsync("number", 8));
        var function = await Assert.ThrowsAsync<ArgumentException>(async () => await Actions.UpdateAsync("number", (int number) => $"{number}"));
        Assert.Contains("Int32", changes.Message, StringComparison.Ordinal);
        Assert.Contains("Func", function.Message, StringComparison.Ordinal);
    }

    [ContractFact]
    public async Task A_value_that_names_a_field_twice_says_so_and_stays()
    {
        using var twice = System.Text.Json.JsonDocument.Parse("""{"a":1,"a":2,"b":{"c":1,"c":2}}""");
        await Actions.SetAsync("key", twice.RootElement.Clone());

        var failure = await Assert.ThrowsAsync<InvalidOperationException>(async () => await Actions.UpdateAsync("key", new { z = 1 }));
        Assert.Contains("'key'", failure.Message, StringComparison.Ordinal);
        failure = await Assert.ThrowsAsync<InvalidOperationException>(async () => await Actions.UpdateAsync("key", new { b = new { z = 1 } }));
        Assert.Contains("'key'", failure.Message, StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<ArgumentException>(async () => await Actions.UpdateAsync("key", twice.RootElement));
        Assert.Contains("once", refused.Message, StringComparison.Ordinal);
        Assert.Equal(2, (await Actions.GetAsync<System.Text.Json.JsonElement>("key")).GetProperty("a").GetInt32());
    }

    [ContractFact]
    public async Task An_update_keeps_the_end_the_tags_and_the_sets()
    {
        await Actions.SetAsync("key", new Action("ship", 1), entry => entry.Tag("a", "b").Index("user", "alice").Expire(TimeSpan.FromMinutes(20)));
        var before = await Actions.GetEntryAsync("key");
        await AdvanceAsync(TimeSpan.FromMinutes(2));
        await Actions.UpdateAsync("key", (Action action) => action with { Count = 2 });
        await Actions.UpdateAsync("key", new { Count = 3 });
        var after = await Actions.GetEntryAsync("key");

        Assert.Equal(before!.Expires, after!.Expires);
        Assert.Equal(before.Created, after.Created);
        Assert.Equal(before.Tags, after.Tags);
        Assert.Equal(before.Indexes, after.Indexes);
        Assert.Equal(TimeSpan.FromMinutes(18), await Actions.GetTimeToLiveAsync("key"));
        if (HasIndexes)
        {
            Assert.Equal(3, Assert.Single(await Actions.GetByIndexAsync<Action>("user", "alice").ToListAsync()).Value!.Count);
        }

        await Actions.RemoveByTagAsync("b");
        Assert.False(await Actions.ExistsAsync("key"));
    }

    [ContractFact]
    public async Task An_entrys_end_is_moved_without_its_value()
    {
        await Actions.SetAsync("key", new Action("ship", 1), entry => entry.Tag("a").Index("user", "alice").Expire(TimeSpan.FromMinutes(1)));
        Assert.True(await Actions.ExpireAsync("key", TimeSpan.FromMinutes(30)));
        await AdvanceAsync(TimeSpan.FromMinutes(20));

        Assert.Equal(TimeSpan.FromMinutes(10), await Actions.GetTimeToLiveAsync("key"));
        Assert.Equal(new Action("ship", 1), await Actions.GetAsync<Action>("key"));
        Assert.Equal(["a"], (await Actions.GetEntryAsync("key"))!.Tags);
        Assert.True(await Actions.TouchAsync("key"));
        Assert.Equal(new LarderOptions().DefaultExpiration, await Actions.GetTimeToLiveAsync("key"));
        Assert.True((await Actions.UpdateAsync("key", (Action action) => action, TimeSpan.FromSeconds(9))).IsFound);
        Assert.Equal(TimeSpan.FromSeconds(9), await Actions.GetTimeToLiveAsync("key"));
        Assert.True(await Actions.ExpireAsync("key", TimeSpan.MaxValue));
        Assert.Equal(TimeSpan.MaxValue, await Actions.GetTimeToLiveAsync("key"));
        if (HasIndexes)
        {
            Assert.Equal(1, await Actions.CountByIndexAsync("user", "alice"));
        }

        Assert.True(await Actions.ExpireAsync("key", TimeSpan.FromSeconds(5)));
        await AdvanceAsync(TimeSpan.FromSeconds(6));
        Assert.False(await Actions.ExistsAsync("key"));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Actions.ExpireAsync("key", TimeSpan.Zero));
    }

    [ContractFact]
    public async Task A_removal_between_reading_and_storing_is_not_undone()
    {
        await Actions.SetAsync("key", 1);
        var outcome = await Actions.UpdateAsync("key", (int number) =>
        {
            Run(Actions.RemoveAsync("key").AsTask());
            return number + 1;
        });

        Assert.False(outcome.IsFound);
        Assert.False(await Actions.ExistsAsync("key"));
        Assert.Equal(CacheResultKind.Missing, (await Actions.TryGetAsync<int>("key")).Kind);
    }

    [ContractFact]
    public async Task An_invalidation_between_reading_and_storing_is_not_undone()
    {
        await Actions.SetAsync("by tag", 1, entry => entry.Tag("tag"));
        await Actions.SetAsync("by clear", 1);
        await Actions.UpdateAsync("by tag", (int number) =>
        {
            Run(Actions.RemoveByTagAsync("tag").AsTask());
            return number + 1;
        });
        Assert.False(await Actions.ExistsAsync("by tag"));
        await Actions.UpdateAsync("by clear", (int number) =>
        {
            Run(Actions.ClearAsync().AsTask());
            return number + 1;
        });

        Assert.False(await Actions.ExistsAsync("by clear"));
        Assert.Equal(CacheResultKind.Missing, (await Actions.TryGetAsync<int>("by tag")).Kind);
        Assert.Equal(CacheResultKind.Missing, (await Actions.TryGetAsync<int>("by clear")).Kind);
    }

    [ContractFact]
    public async Task A_write_between_reading_and_storing_is_not_lost()
    {
        await Actions.SetAsync("key", 1);
        var asked = new List<int>();
        var outcome = await Actions.UpdateAsync("key", (int number) =>
        {
            asked.Add(number);
            if (asked.Count == 1)
            {
                Run(Actions.SetAsync("key", 10).AsTask());
            }

            return number + 1;
        });

        Assert.Equal([1, 10], asked);
        Assert.Equal(11, outcome.Value);
        Assert.Equal(11, await Actions.GetAsync<int>("key"));
    }

    [ContractFact]
    public async Task A_load_that_began_before_does_not_replace_an_update()
    {
        await Actions.SetAsync("key", 1);
        var began = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        var load = Actions.GetOrCreateAsync(
            "key",
            async _ =>
            {
                began.SetResult();
                await goOn.Task;
                return 1;
            },
            new CacheEntryPolicy { Flags = HybridCacheEntryFlags.DisableLocalCacheRead | HybridCacheEntryFlags.DisableDistributedCacheRead }).AsTask();
        await began.Task;
        await Actions.UpdateAsync("key", (int number) => number + 1);
        goOn.SetResult();
        Assert.Equal(1, await load);

        Assert.Equal(2, await Actions.GetAsync<int>("key"));
        Assert.Equal(3, (await Actions.UpdateAsync("key", (int number) => number + 1)).Value);
    }

    [ContractFact]
    public async Task Null_is_changed_like_any_value()
    {
        await Actions.SetAsync<string?>("key", null);
        Assert.Equal("was null", (await Actions.UpdateAsync("key", (string? text) => text is null ? "was null" : "")).Value);
        Assert.True((await Actions.UpdateAsync<string?>("key", _ => null)).IsFound);

        Assert.Equal(new CacheResult<string>(CacheResultKind.Found, null), await Actions.TryGetAsync<string>("key"));
        Assert.True(await Actions.ExpireAsync("key", TimeSpan.FromDays(1)));
        Assert.Equal(new CacheResult<string>(CacheResultKind.Found, null), await Actions.TryGetAsync<string>("key"));
    }

    [ContractFact]
    public async Task A_change_that_cannot_be_stored_leaves_the_entry_as_it_was()
    {
        var node = await StartAsync(options => options.MaximumPayloadBytes = 10_000);
        var small = Of(node, "small");
        await small.SetAsync("key", new List<string> { "a" });
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await small.UpdateAsync("key", (List<string> list) => [.. list, new('x', 20_000)]));
        await Assert.ThrowsAsync<FormatException>(async () => await small.UpdateAsync<List<string>>("key", _ => throw new FormatException("the caller's")));

        Assert.Equal(["a"], (await small.GetAsync<List<string>>("key"))!);
        Assert.Equal(0, node.Engine!.Flights.Count);
    }

    [ContractFact]
    public async Task Updates_of_one_tenant_do_not_reach_another()
    {
        await Actions.InScope(new CacheScope("acme")).SetAsync("key", 1);
        await Actions.InScope(new CacheScope("globex")).SetAsync("key", 1);
        await Actions.InScope(new CacheScope("acme")).UpdateAsync("key", (int number) => number + 1);

        Assert.Equal(1, await Actions.InScope(new CacheScope("globex")).GetAsync<int>("key"));
        Assert.False((await Actions.UpdateAsync("key", (int number) => number + 1)).IsFound);
    }

    [ContractFact]
    public async Task Of_many_updates_at_once_none_is_lost()
    {
        const int Tasks = 64;
        CacheNamespace[] nodes = Backend.IsShared ? [Actions, Of(await StartAsync(null), "confirmation")] : [Actions];
        await Actions.SetAsync("counts", new Counts(0, []));
        await Task.WhenAll(Enumerable.Range(0, Tasks).Select(task => Task.Run(() => UpdateStress.RunAsync(nodes[task % nodes.Length], "counts", task, Rounds))));

        var counts = await nodes[^1].UpdateAsync("counts", (Counts all) => all);
        Assert.Equal(Tasks / 2 * Rounds, counts.Value!.Total);
        Assert.Equal(Tasks / 2, counts.Value.Of.Count);
        Assert.All(counts.Value.Of, own => Assert.Equal(Rounds, own.Value));
    }

    // Within an update there is no awaiting.
    private static void Run(Task task) => Task.Run(() => task).GetAwaiter().GetResult();
}
