using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Namespaces;

public abstract partial class NamespaceContract
{
    // What is not returned is not known to be nowhere.
    private static readonly CacheEntryPolicy Unsure = new() { NullIsNotFound = false };

    [ContractFact]
    public async Task Many_are_set_got_and_removed()
    {
        await Actions.SetManyAsync(Enumerable.Range(0, 2_500).Select(i => KeyValuePair.Create($"k{i}", i)), entry => entry.Tag("tag").Expire(TimeSpan.FromMinutes(7)));
        await Actions.SetAsync<string?>("null", null);

        var found = await Actions.GetManyAsync<int>(Enumerable.Range(-10, 2_600).Select(i => $"k{i}").Append("k1"));
        Assert.Equal(2_500, found.Count);
        Assert.All(found, pair => Assert.Equal(pair.Key, $"k{pair.Value}"));
        Assert.Null((await Actions.GetManyAsync<string>(["null", "nothing"]))["null"]);
        Assert.Empty(await Actions.GetManyAsync<int>([]));
        Assert.Equal(TimeSpan.FromMinutes(7), await Actions.GetTimeToLiveAsync("k17"));
        Assert.Equal(2, await Actions.RemoveManyAsync(["k1", "nothing", "k2"]));
        Assert.Equal(["k3"], (await Actions.GetManyAsync<int>(["k1", "k2", "k3"])).Keys);
        await Actions.RemoveByTagAsync("tag");
        Assert.Empty(await Actions.GetManyAsync<int>(["k3", "k4"]));
    }

    [ContractFact]
    public async Task Of_many_each_tenant_gets_its_own()
    {
        await Actions.InScope(new CacheScope("acme")).SetManyAsync<string>([new("a", "acme's"), new("b", "acme's")]);
        await Actions.InScope(new CacheScope("globex")).SetManyAsync<string>([new("a", "globex's")]);

        Assert.Equal(["globex's"], (await Actions.InScope(new CacheScope("globex")).GetManyAsync<string>(["a", "b"])).Values);
        Assert.Empty(await Actions.GetManyAsync<string>(["a", "b"]));
    }

    [ContractFact]
    public async Task Keys_of_many_may_be_any_text()
    {
        string[] texts = ["a:b", "{x}y", "{x}z", "%7B", "*", "\uD800", "é\u0000", "ключ", "\r\nDEL x", new('x', 1_000)];
        await Actions.SetManyAsync(texts.Index().Select(text => KeyValuePair.Create(text.Item, text.Index)));

        Assert.Equal(texts.Order(StringComparer.Ordinal), (await Actions.GetManyAsync<int>(texts)).Keys.Order(StringComparer.Ordinal));
        Assert.Equal(texts.Length, await Actions.RemoveManyAsync(texts));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Actions.GetManyAsync<int>(["a", null!]));
    }

    [ContractFact]
    public async Task What_is_missing_of_many_is_loaded_by_one_call()
    {
        await Actions.SetAsync("k1", "one");
        var asked = new List<string[]>();
        ValueTask<IReadOnlyDictionary<string, string>> LoadAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
        {
            lock (asked)
            {
                asked.Add([.. keys]);
            }

            return new(keys.Where(key => key != "k3").ToDictionary(key => key, key => "loaded " + key));
        }

        var values = await Actions.GetOrCreateManyAsync(["k1", "k2", "k3", "k4", "k2"], LoadAsync, Unsure, ["tag"]);
        Assert.Equal([("k1", "one"), ("k2", "loaded k2"), ("k4", "loaded k4")], values.Select(pair => (pair.Key, pair.Value)).Order());
        Assert.Equal(["k2", "k3", "k4"], Assert.Single(asked).Order(StringComparer.Ordinal));

        // What it did not return is asked for again, the rest is there.
        Assert.Equal(3, (await Actions.GetOrCreateManyAsync(["k1", "k2", "k3", "k4"], LoadAsync, Unsure)).Count);
        Assert.Equal(["k3"], asked[1]);
        Assert.Equal(["tag"], (await Actions.GetEntryAsync("k2"))!.Tags);
        Assert.Equal(CacheResultKind.Missing, (await Actions.TryGetAsync<string>("k3")).Kind);
    }

    [ContractFact]
    public async Task What_a_load_of_many_does_not_return_is_remembered_as_not_found()
    {
        var calls = 0;
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(["here"], (await Actions.GetOrCreateManyAsync<int>(["here", "gone"], (_, _) =>
            {
                calls++;
                return new(new Dictionary<string, int> { ["here"] = 1 });
            })).Keys);
        }

        Assert.Equal(1, calls);
        Assert.Equal(CacheResultKind.NotFound, (await Actions.TryGetAsync<int>("gone")).Kind);
    }

    [ContractFact]
    public async Task What_is_invalidated_while_many_are_loaded_is_not_stored()
    {
        var values = await Actions.GetOrCreateManyAsync<string>(["removed", "set", "stays"], async (keys, token) =>
        {
            await Actions.RemoveAsync("removed", token);
            await Actions.SetAsync("set", "new", cancellationToken: token);
            return keys.ToDictionary(key => key, _ => "old");
        });
        Assert.Equal(3, values.Count);
        Assert.False(await Actions.ExistsAsync("removed"));
        Assert.Equal("new", await Actions.GetAsync<string>("set"));
        Assert.Equal("old", await Actions.GetAsync<string>("stays"));

        await Actions.GetOrCreateManyAsync<string>(
            ["a", "b"],
            async (keys, token) =>
            {
                await Actions.RemoveByTagAsync("tag", token);
                return keys.ToDictionary(key => key, _ => "old");
            },
            tags: ["tag"]);
        Assert.Empty(await Actions.GetManyAsync<string>(["a", "b"]));
        await Actions.GetOrCreateManyAsync<string>(["a", "b"], async (keys, token) =>
        {
            await Actions.ClearAsync(token);
            return keys.ToDictionary(key => key, _ => "old");
        });
        Assert.Empty(await Actions.GetManyAsync<string>(["a", "b", "stays"]));
    }

    [ContractFact]
    public async Task A_failure_of_a_load_of_many_is_the_callers_and_leaves_nothing()
    {
        await Assert.ThrowsAsync<IOException>(async () => await Actions.GetOrCreateManyAsync<int>(["a", "b"], (_, _) => throw new IOException("down")));
        var none = await Assert.ThrowsAsync<InvalidOperationException>(async () => await Actions.GetOrCreateManyAsync<int>(["a", "b"], (_, _) => new((IReadOnlyDictionary<string, int>)null!)));

        Assert.Contains("null", none.Message, StringComparison.Ordinal);
        Assert.Equal(0, Node.Engine!.Flights.Count);
        Assert.Equal(1, await Actions.GetOrCreateAsync("a", _ => new ValueTask<int>(1)));
    }

    [ContractFact]
    public async Task Who_asks_for_one_key_meanwhile_shares_the_load_of_many()
    {
        var began = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        var many = Actions.GetOrCreateManyAsync<string>(["a", "b"], async (keys, _) =>
        {
            began.SetResult();
            await goOn.Task;
            return new Dictionary<string, string> { ["a"] = "by many" };
        }, Unsure).AsTask();
        await began.Task;
        var shared = Actions.GetOrCreateAsync("a", _ => new ValueTask<string>("alone")).AsTask();
        var own = Actions.GetOrCreateAsync("b", _ => new ValueTask<string>("alone")).AsTask();
        goOn.SetResult();

        Assert.Equal(["a"], (await many).Keys);
        Assert.Equal("by many", await shared);

        // Many had nothing for it, so who asked for it asks its own source.
        Assert.Equal("alone", await own);
    }

    [ContractFact]
    public async Task Who_asks_for_many_shares_loads_of_single_keys_and_does_not_hold_up_the_rest_for_them()
    {
        var began = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        var single = Actions.GetOrCreateAsync("a", async _ =>
        {
            began.SetResult();
            await goOn.Task;
            return "alone";
        }).AsTask();
        await began.Task;
        var asked = new TaskCompletionSource<string[]>();
        var many = Actions.GetOrCreateManyAsync<string>(["a", "b"], (keys, _) =>
        {
            asked.TrySetResult([.. keys]);
            return new(keys.ToDictionary(key => key, _ => "by many"));
        }).AsTask();

        Assert.Equal(["b"], await asked.Task);
        goOn.SetResult();
        Assert.Equal("alone", await single);
        Assert.Equal([("a", "alone"), ("b", "by many")], (await many).Select(pair => (pair.Key, pair.Value)).Order());
    }

    [ContractFact]
    public async Task Calls_that_have_begun_with_each_others_keys_do_not_hold_each_other_up()
    {
        var other = Backend.IsShared ? Of(await StartAsync(null), "confirmation") : Actions;
        var loads = 0;
        var keys = Enumerable.Range(0, 40).Select(i => $"k{i}").ToArray();
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(caller => Task.Run(async () =>
            await (caller % 2 == 0 ? Actions : other).GetOrCreateManyAsync<string>(caller % 3 == 0 ? keys.Reverse() : keys, async (missing, _) =>
            {
                Interlocked.Add(ref loads, missing.Count);
                await Task.Yield();
                return missing.ToDictionary(key => key, key => key + "!");
            }))));

        Assert.All(results, result => Assert.Equal(40, result.Count));
        Assert.All(results.SelectMany(result => result), pair => Assert.Equal(pair.Key + "!", pair.Value));
        if (Backend.IsShared || GetType() == typeof(InMemoryNamespaceTests))
        {
            Assert.Equal(40, loads);
        }
    }

    [ContractFact]
    public async Task Who_leaves_a_load_of_many_ends_it_unless_others_wait()
    {
        using var leaving = new CancellationTokenSource();
        var ended = new TaskCompletionSource();
        var began = new TaskCompletionSource();
        var many = Actions.GetOrCreateManyAsync<int>(["a", "b"], async (_, token) =>
        {
            token.Register(() => ended.SetResult());
            began.SetResult();
            await Task.Delay(Timeout.Infinite, token);
            return new Dictionary<string, int>();
        }, cancellationToken: leaving.Token).AsTask();
        await began.Task;
        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => many);
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }
}
