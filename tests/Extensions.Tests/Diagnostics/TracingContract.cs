using System.Diagnostics;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Diagnostics;

/// <summary>What is shown in traces, on every back end.</summary>
[Collection(Alone.Name)]
public abstract class TracingContract : LarderContract
{
    private static readonly CacheScope Acme = new("acme", "web", "users");

    [ContractFact]
    public async Task A_load_is_a_span_within_the_callers_and_around_the_factorys()
    {
        using var spans = new Spans();
        Activity? inside = null;
        await Cache.InScope(Acme).GetOrCreateAsync("key", _ =>
        {
            inside = Activity.Current;
            return new ValueTask<string>("value");
        });
        await Cache.InScope(Acme).GetOrCreateAsync("nobody", _ => new ValueTask<string?>((string?)null));
        Assert.Same(spans.Root, Activity.Current);

        var loads = spans.Named("larder.load");
        Assert.Same(inside, loads[0]);
        Assert.All(loads, load => Assert.Equal((spans.Root.SpanId, ActivityKind.Internal, ActivityStatusCode.Unset), (load.ParentSpanId, load.Kind, load.Status)));
        Assert.Equal(["found", "not_found"], loads.Select(load => load.GetTagItem("larder.outcome")));
        Assert.All(loads, load => Assert.Equal("users", load.GetTagItem("larder.namespace")));
        Assert.All(loads, load => Assert.Null(load.GetTagItem("larder.tenant")));
    }

    [ContractFact]
    public async Task A_hit_has_no_span()
    {
        if (!KeepsMemory)
        {
            return;
        }

        await Cache.SetAsync("key", "value");
        using var spans = new Spans();
        Assert.Equal("value", await Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("loaded")));

        Assert.Empty(spans.All);
    }

    [ContractFact]
    public async Task A_load_that_fails_says_so_without_the_exceptions_message()
    {
        using var spans = new Spans();
        await Assert.ThrowsAsync<IOException>(async () => await Cache.GetOrCreateAsync<string>("key", _ => throw new IOException("s3cret")));

        var load = Assert.Single(spans.Named("larder.load"));
        Assert.Equal((ActivityStatusCode.Error, "System.IO.IOException"), (load.Status, load.StatusDescription));
        Assert.Equal(("System.IO.IOException", "failed"), (load.GetTagItem("error.type"), load.GetTagItem("larder.outcome")));
        Assert.Empty(load.Events);
    }

    [ContractFact]
    public async Task A_load_belongs_to_its_leader_and_who_waits_for_it_refers_to_it()
    {
        using var spans = new Spans();
        var gate = new GatedFactory<string>();
        using var leading = new Activity("the leader").Start();
        var leads = Cache.GetOrCreateAsync("key", gate.LoadAsync).AsTask();
        await gate.Started;
        leading.Stop();
        using var joining = new Activity("who joins").Start();
        var joins = Cache.GetOrCreateAsync("key", gate.LoadAsync).AsTask();
        joining.Stop();
        gate.Answer("value");
        await Task.WhenAll(leads, joins);

        var load = Assert.Single(spans.Named("larder.load"));
        var wait = Assert.Single(spans.Named("larder.wait"));
        Assert.Equal((leading.SpanId, joining.SpanId), (load.ParentSpanId, wait.ParentSpanId));
        Assert.Equal(load.SpanId, Assert.Single(wait.Links).Context.SpanId);
    }

    [ContractFact]
    public async Task Who_waits_for_a_load_that_fails_has_failed_too()
    {
        using var spans = new Spans();
        var gate = new GatedFactory<string>();
        var leads = Cache.GetOrCreateAsync("key", gate.LoadAsync).AsTask();
        await gate.Started;
        var joins = Cache.GetOrCreateAsync("key", gate.LoadAsync).AsTask();
        gate.Fail(new IOException("s3cret"));
        await Assert.ThrowsAsync<IOException>(() => leads);
        await Assert.ThrowsAsync<IOException>(() => joins);

        Assert.Equal((ActivityStatusCode.Error, "System.IO.IOException"), (Assert.Single(spans.Named("larder.wait")).Status, spans.Named("larder.wait")[0].GetTagItem("error.type")));
    }

    [ContractFact]
    public async Task A_load_in_the_background_is_a_trace_of_its_own_that_refers_to_the_read()
    {
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromSeconds(10), StaleWhileRevalidate = TimeSpan.FromHours(1) };
        await Cache.InScope(Acme).GetOrCreateAsync("key", (_, _) => new ValueTask<string>("old"), policy);
        await AdvanceAsync(TimeSpan.FromSeconds(11));
        using var spans = new Spans();
        Assert.Equal("old", await Cache.InScope(Acme).GetOrCreateAsync("key", (_, _) => new ValueTask<string>("new"), policy));
        Assert.Same(spans.Root, Activity.Current);
        await Poll.UntilAsync(() => spans.Named("larder.refresh").Length == 1, "the value is loaded in the background");

        var refresh = spans.Named("larder.refresh")[0];
        Assert.Equal((default, null), (refresh.ParentSpanId, refresh.Parent));
        Assert.NotEqual(spans.Root.TraceId, refresh.TraceId);
        Assert.Equal(spans.Root.TraceId, Assert.Single(refresh.Links).Context.TraceId);
        Assert.Equal(("stored", "users"), (refresh.GetTagItem("larder.outcome"), refresh.GetTagItem("larder.namespace")));
        var load = Assert.Single(spans.Named("larder.load"));
        Assert.Equal((refresh.TraceId, refresh.SpanId), (load.TraceId, load.ParentSpanId));
    }

    [ContractFact]
    public async Task A_load_in_the_background_that_fails_says_so()
    {
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromSeconds(10), StaleWhileRevalidate = TimeSpan.FromHours(1) };
        await Cache.GetOrCreateAsync("key", (_, _) => new ValueTask<string>("old"), policy);
        await AdvanceAsync(TimeSpan.FromSeconds(11));
        using var spans = new Spans();
        await Cache.GetOrCreateAsync<string>("key", (_, _) => throw new IOException("s3cret"), policy);
        await Poll.UntilAsync(() => spans.Named("larder.refresh").Length == 1, "the load in the background has ended");

        Assert.Equal(
            (ActivityStatusCode.Error, "System.IO.IOException", "failed"),
            (spans.Named("larder.refresh")[0].Status, spans.Named("larder.refresh")[0].StatusDescription, spans.Named("larder.refresh")[0].GetTagItem("larder.outcome")));
    }

    [ContractFact]
    public async Task A_load_of_several_keys_is_one_span()
    {
        using var spans = new Spans();
        var loaded = await Node.Services.GetRequiredService<ICacheNamespaces>().Get("users").GetOrCreateManyAsync(
            ["one", "two", "three"], (keys, _) => new ValueTask<IReadOnlyDictionary<string, string>>(keys.ToDictionary(key => key)));
        Assert.Equal(3, loaded.Count);

        var load = Assert.Single(spans.Named("larder.load"));
        Assert.Equal((3, spans.Root.SpanId, "users"), (load.GetTagItem("larder.batch.size"), load.ParentSpanId, load.GetTagItem("larder.namespace")));
    }

    [ContractFact]
    public async Task A_load_of_several_keys_has_an_outcome_as_any_other()
    {
        using var spans = new Spans();
        var users = Node.Services.GetRequiredService<ICacheNamespaces>().Get("users");
        await users.GetOrCreateManyAsync(["one", "two"], (_, _) => new ValueTask<IReadOnlyDictionary<string, string>>(new Dictionary<string, string> { ["two"] = "value" }));
        await users.GetOrCreateManyAsync(["three"], (_, _) => new ValueTask<IReadOnlyDictionary<string, string>>(new Dictionary<string, string>()));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await users.GetOrCreateManyAsync<string>(["four"], (_, _) => throw new InvalidOperationException()));

        Assert.Equal(["found", "not_found", "failed"], spans.Named("larder.load").Select(span => span.GetTagItem("larder.outcome")));
    }

    [ContractFact]
    public async Task Invalidations_are_spans_with_what_they_invalidate()
    {
        using var spans = new Spans();
        await Cache.InScope(Acme).SetAsync("key", "value");
        await Cache.InScope(Acme).RemoveAsync("key");
        await Cache.InScope(Acme).RemoveByTagAsync("tag");
        await Node.Services.GetRequiredService<ICacheAdmin>().ClearTenantAsync("acme");

        var spansOfInvalidations = spans.Named("larder.invalidate");
        Assert.Equal(["key", "tag", "level"], spansOfInvalidations.Select(span => span.GetTagItem("larder.kind")));
        Assert.Equal(["users", "users", null], spansOfInvalidations.Select(span => span.GetTagItem("larder.namespace")));
        Assert.All(spansOfInvalidations, span => Assert.Equal((spans.Root.SpanId, ActivityStatusCode.Unset), (span.ParentSpanId, span.Status)));
    }

    [ContractFact]
    public async Task No_span_holds_a_key_a_tag_a_value_or_a_tenant()
    {
        const string Marker = "s3cret";
        var node = await StartAsync(options => options.StaleIfError = TimeSpan.FromHours(1));
        var admin = node.Services.GetRequiredService<ICacheAdmin>();
        var cache = node.Cache.InScope(new CacheScope($"tenant {Marker}", $"project {Marker}", "users"));
        using var spans = new Spans();
        await cache.GetOrCreateAsync($"key {Marker}", _ => new ValueTask<string>($"value {Marker}"), tags: [$"tag {Marker}"]);
        await cache.SetAsync($"other {Marker}", $"value {Marker}");
        await Assert.ThrowsAsync<IOException>(async () => await cache.GetOrCreateAsync<string>($"third {Marker}", _ => throw new IOException($"message {Marker}")));
        await cache.RemoveByTagAsync($"tag {Marker}");
        await cache.RemoveAsync($"key {Marker}");
        await admin.ClearTenantAsync($"tenant {Marker}");

        Assert.NotEmpty(spans.All);
        Assert.DoesNotContain(spans.All, span => Spans.Text(span).Contains(Marker, StringComparison.Ordinal));
    }

    [ContractFact]
    public async Task Tenants_are_named_only_where_that_is_asked_for()
    {
        var node = await StartAsync(options => options.TelemetryByTenant = true);
        using var spans = new Spans();
        await node.Cache.InScope(Acme).GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        await node.Cache.InScope(Acme).RemoveAsync("key");

        Assert.Equal(
            ("acme", "acme"),
            (Assert.Single(spans.Named("larder.load")).GetTagItem("larder.tenant"), Assert.Single(spans.Named("larder.invalidate")).GetTagItem("larder.tenant")));
    }

    /// <summary>Whether this node keeps entries in memory of its own.</summary>
    protected virtual bool KeepsMemory => true;
}

/// <summary>A contract of its own for back ends with a server.</summary>
public abstract class ServerTracingContract : TracingContract
{
    [ContractFact]
    public async Task Operations_at_the_second_level_are_spans_of_a_client_within_what_asked_for_them()
    {
        using var spans = new Spans();
        await Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        await Cache.RemoveAsync("key");

        var operations = spans.All.Where(span => span.OperationName.StartsWith("larder.second_level.", StringComparison.Ordinal)).ToArray();
        Assert.All(operations, span => Assert.Equal((ActivityKind.Client, "redis", ActivityStatusCode.Unset), (span.Kind, span.GetTagItem("db.system.name"), span.Status)));
        Assert.All(operations, span => Assert.Equal(span.OperationName, $"larder.second_level.{span.GetTagItem("larder.operation")}"));
        Assert.All(operations, span => Assert.Equal(span.GetTagItem("db.operation.name"), span.GetTagItem("larder.operation")));
        Assert.Equal(spans.Root.SpanId, Assert.Single(spans.Named("larder.second_level.get")).ParentSpanId);
        Assert.Equal(spans.Root.SpanId, Assert.Single(spans.Named("larder.second_level.set_leased")).ParentSpanId);
        Assert.Equal(Assert.Single(spans.Named("larder.invalidate")).SpanId, Assert.Single(spans.Named("larder.second_level.remove")).ParentSpanId);
    }
}

public sealed class InMemoryTracingTests : TracingContract
{
    private protected override Backend Backend { get; } = Backend.Memory();
}

public sealed class PlainDistributedTracingTests : TracingContract
{
    private protected override Backend Backend { get; } = Backend.Plain();

    [ContractFact]
    public async Task A_second_level_of_unknown_kind_is_not_called_a_database()
    {
        using var spans = new Spans();
        await Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));

        var get = Assert.Single(spans.Named("larder.second_level.get"));
        Assert.Equal((null, null, "get"), (get.GetTagItem("db.system.name"), get.GetTagItem("db.operation.name"), get.GetTagItem("larder.operation")));
    }
}

public sealed class ForeignTracingTests : TracingContract
{
    private protected override Backend Backend { get; } = Backend.Foreign();

    protected override bool KeepsMemory => false;
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisTracingTests : ServerTracingContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Redis);
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyTracingTests : ServerTracingContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Valkey);
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterTracingTests : ServerTracingContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.RedisCluster);
}
