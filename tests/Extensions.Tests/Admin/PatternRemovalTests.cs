using Larder.Admin;
using Larder.Backplane;
using Larder.Engine;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Admin;

/// <summary>Loads on other nodes that overlap a removal by pattern, step by step.</summary>
public sealed class PatternRemovalTests
{
    private readonly TestSecondLevel _level = new(hasLeases: true);

    [Fact]
    public async Task A_load_elsewhere_that_stores_between_the_listing_of_values_and_that_of_leases_does_not_survive()
    {
        await using var loading = TestEngine.Create(_level, null);
        await using var removing = TestEngine.Create(_level, null);
        var gate = new GatedFactory<string>();
        var load = LoadAsync(loading, "user:1", gate);
        await gate.Started;
        _level.Before = async (call, _) =>
        {
            if (call == "ListLeases")
            {
                _level.Before = null;
                gate.Answer("old");
                await load;
            }
        };

        await removing.RemoveByPatternAsync(removing.Scope(CacheScope.Raw), KeyPattern.Parse("user:*"), default);
        Assert.Equal("old", await load);
        Assert.Empty(_level.Keys);
    }

    [Fact]
    public async Task A_load_elsewhere_that_stores_after_all_listings_is_refused()
    {
        await using var loading = TestEngine.Create(_level, null);
        await using var removing = TestEngine.Create(_level, null);
        var (fits, other) = (new GatedFactory<string>(), new GatedFactory<string>());
        var loads = new[] { LoadAsync(loading, "user:1", fits), LoadAsync(loading, "order:1", other) };
        await Task.WhenAll(fits.Started, other.Started);
        await removing.RemoveByPatternAsync(removing.Scope(CacheScope.Raw), KeyPattern.Parse("user:*"), default);
        fits.Answer("old");
        other.Answer("other");
        await Task.WhenAll(loads);

        Assert.Equal([removing.Scope(CacheScope.Raw).PhysicalKey("order:1")], _level.Keys);
        Assert.False(loading.Memory.TryGet(loading.Scope(CacheScope.Raw), "user:1", out _));
    }

    [Fact]
    public async Task A_load_here_of_a_key_that_stands_at_the_server_as_its_hash_does_not_survive()
    {
        await using var engine = TestEngine.Create(_level, null);
        var key = "user:" + new string('{', 400);
        var gate = new GatedFactory<string>();
        var load = LoadAsync(engine, key, gate);
        await gate.Started;
        await engine.RemoveByPatternAsync(engine.Scope(CacheScope.Raw), KeyPattern.Parse("user:*"), default);
        gate.Answer("old");
        await load;

        Assert.Empty(_level.Keys);
    }

    [Fact]
    public async Task Another_node_forgets_and_fences_what_fits_when_the_message_comes()
    {
        await using var engine = TestEngine.InMemory();
        IBackplaneListener listener = engine;
        var scope = engine.Scope(CacheScope.Raw);
        await engine.SetAsync(scope, "user:1", "old", null, null, null, default);
        await engine.SetAsync(scope, "order:1", "kept", null, null, null, default);
        await engine.SetAsync(engine.Scope(new CacheScope("acme")), "user:1", "kept", null, null, null, default);
        var gate = new GatedFactory<string>();
        var load = LoadAsync(engine, "user:2", gate);
        await gate.Started;
        listener.OnMessage(BackplaneMessage.PatternInvalidated(scope.Id, KeyPattern.Parse("user:?").Encode()));
        gate.Answer("old");
        await load;

        Assert.Equal(["kept", "kept"], engine.Memory.Entries.Select(entry => ((ValueEntry<string>)entry).Value));
    }

    [Fact]
    public async Task When_the_server_fails_half_way_the_caller_is_told_and_the_other_nodes_are_told_the_pattern()
    {
        var transport = new TestTransport();
        await using var engine = TestEngine.Create(_level, transport);
        await Poll.UntilAsync(() => transport.Subscriptions > 0, "subscribed");
        var scope = engine.Scope(CacheScope.Raw);
        await engine.SetAsync(scope, "user:1", "old", null, null, null, default);
        _level.Before = (call, _) => call == "ListLeases" ? throw new TimeoutException("gone") : Task.CompletedTask;

        var failure = await Assert.ThrowsAsync<SecondLevelException>(async () => await engine.RemoveByPatternAsync(scope, KeyPattern.Parse("user:*"), default));
        Assert.IsType<TimeoutException>(failure.InnerException);
        Assert.Contains(transport.Published.SelectMany(batch => batch.Messages), message => message is { Kind: MessageKind.PatternInvalidated, Name: "guser:*" });
    }

    [Fact]
    public async Task What_the_other_nodes_could_not_be_told_is_told_later()
    {
        var transport = new TestTransport { Fails = true };
        await using var engine = TestEngine.Create(_level, transport);
        var scope = engine.Scope(CacheScope.Raw);
        await engine.RemoveByPatternAsync(scope, KeyPattern.Parse("user:*"), default);
        Assert.Equal(1, engine.PendingCount);
        transport.Fails = false;

        await Poll.UntilAsync(
            () => engine.PendingCount == 0 && transport.Published.SelectMany(batch => batch.Messages).Any(message => message.Kind == MessageKind.PatternInvalidated), "told");
        Assert.DoesNotContain(_level.Done, done => done.Call == "Remove");
    }

    private static Task<string> LoadAsync(CacheEngine engine, string key, GatedFactory<string> gate) =>
        engine.GetOrCreateAsync(engine.Scope(CacheScope.Raw), key, key, gate, static (gate, token) => gate.LoadAsync(token), (HybridCacheEntryOptions?)null, null, default).AsTask();
}
