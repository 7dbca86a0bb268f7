using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Admin;

/// <summary>Clears reach exactly what they name, on this node and on others; a purge gives back exactly what was invalidated.</summary>
public abstract class CacheAdminContract : LarderContract
{
    private static readonly CacheScope[] Scopes =
    [
        CacheScope.Raw,
        CacheScope.Shared("users"),
        new(null, "web"),
        new(null, "web", "users"),
        new("acme"),
        new("acme", null, "users"),
        new("acme", "web"),
        new("acme", "web", "users"),
        new("acme", "app", "users"),
        new("globex", "web", "users"),
        new("", "web", "users"),
        new("acme:p.web", null, "users"),
    ];

    private ICacheAdmin Admin => Node.Services.GetRequiredService<ICacheAdmin>();

    [ContractFact]
    public Task A_tenant_is_cleared_in_all_its_projects_and_namespaces() =>
        ClearsAsync(admin => admin.ClearTenantAsync("acme"), scope => scope.Tenant == "acme");

    [ContractFact]
    public Task A_project_is_cleared_in_all_its_namespaces() =>
        ClearsAsync(admin => admin.ClearProjectAsync("acme", "web"), scope => scope is { Tenant: "acme", Project: "web" });

    [ContractFact]
    public Task A_project_without_tenant_is_its_own() =>
        ClearsAsync(admin => admin.ClearProjectAsync(null, "web"), scope => scope is { Tenant: null, Project: "web" });

    [ContractFact]
    public Task A_namespace_is_cleared_alone() =>
        ClearsAsync(admin => admin.ClearNamespaceAsync(new CacheScope("acme", "web", "users")), scope => scope.Equals(new CacheScope("acme", "web", "users")));

    [ContractFact]
    public Task What_belongs_to_no_tenant_is_cleared_alone() =>
        ClearsAsync(admin => admin.ClearGlobalAsync(), scope => scope.Tenant is null);

    [ContractFact]
    public Task Everything_is_cleared() => ClearsAsync(admin => admin.ClearAllAsync(), _ => true);

    [ContractFact]
    public async Task Everything_of_another_prefix_stays()
    {
        var other = await StartAsync(options => options.Prefix = Backend.Prefix + "2");
        await other.Cache.SetAsync("key", "value");
        await Admin.ClearAllAsync();

        Assert.True((await other.Cache.TryGetAsync<string>("key")).IsFound);
    }

    [ContractFact]
    public async Task A_clear_overtakes_a_load_that_is_under_way()
    {
        var gate = new GatedFactory<string>();
        var load = Cache.InScope(new CacheScope("acme")).GetOrCreateAsync("key", gate.LoadAsync).AsTask();
        await gate.Started;
        await Admin.ClearTenantAsync("acme");
        gate.Answer("old");

        Assert.Equal("old", await load);
        Assert.False((await Cache.InScope(new CacheScope("acme")).TryGetAsync<string>("key")).IsFound);
    }

    [ContractFact]
    public async Task A_purge_removes_what_was_invalidated_and_nothing_else_and_tells_how_much()
    {
        for (var i = 0; i < 300; i++)
        {
            await Cache.InScope(new CacheScope("acme")).SetAsync($"tagged:{i}", "value", tags: ["catalog"]);
            await Cache.InScope(new CacheScope("globex")).SetAsync($"kept:{i}", "value", tags: ["catalog"]);
        }

        await Cache.InScope(new CacheScope("acme")).RemoveByTagAsync("catalog");
        var steps = new List<PurgeProgress>();
        var purged = await Admin.PurgeAsync(new Collector(steps));

        Assert.Equal(purged, steps[^1]);
        Assert.True(purged.Removed <= purged.Scanned, purged.ToString());
        if (CanPurge)
        {
            Assert.True(purged.Removed >= 300, purged.ToString());
        }

        var again = await Admin.PurgeAsync();
        Assert.Equal(0, again.Removed);
        for (var i = 0; i < 300; i++)
        {
            Assert.True((await Cache.InScope(new CacheScope("globex")).TryGetAsync<string>($"kept:{i}")).IsFound, $"kept:{i}");
        }
    }

    [ContractFact]
    public async Task A_purge_can_be_stopped()
    {
        await Cache.SetAsync("key", "value");
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        if (Backend.IsShared)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Admin.PurgeAsync(cancellationToken: cancelled.Token));
        }

        Assert.True((await Cache.TryGetAsync<string>("key")).IsFound);
    }

    [ContractFact]
    public async Task A_tenant_that_is_null_is_refused() =>
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Admin.ClearTenantAsync(null!));

    /// <summary>Whether what was invalidated can be found at all.</summary>
    protected virtual bool CanPurge => true;

    private async Task ClearsAsync(Func<ICacheAdmin, ValueTask> clear, Func<CacheScope, bool> isCleared)
    {
        var other = Backend.IsShared ? await StartAsync(null) : Node;
        foreach (var scope in Scopes)
        {
            await Cache.InScope(scope).SetAsync("key", "value", tags: ["tag"]);
            Assert.True((await other.Cache.InScope(scope).TryGetAsync<string>("key")).IsFound);
        }

        await clear(Admin);
        foreach (var scope in Scopes)
        {
            Assert.Equal((scope, !isCleared(scope)), (scope, (await Cache.InScope(scope).TryGetAsync<string>("key")).IsFound));
        }

        foreach (var scope in Scopes.Where(isCleared))
        {
            await Poll.UntilAsync(async () => !(await other.Cache.InScope(scope).TryGetAsync<string>("key")).IsFound, $"the other node has cleared {scope}");
        }

        foreach (var scope in Scopes.Where(scope => !isCleared(scope)))
        {
            Assert.True((await other.Cache.InScope(scope).TryGetAsync<string>("key")).IsFound, scope.ToString());
        }
    }

    private sealed class Collector(List<PurgeProgress> steps) : IProgress<PurgeProgress>
    {
        public void Report(PurgeProgress value) => steps.Add(value);
    }
}

public sealed class InMemoryAdminTests : CacheAdminContract
{
    private protected override Backend Backend { get; } = Backend.Memory();
}

public sealed class PlainDistributedAdminTests : CacheAdminContract
{
    private protected override Backend Backend { get; } = Backend.Plain();

    protected override bool CanPurge => false;
}

public sealed class ForeignAdminTests : CacheAdminContract
{
    private protected override Backend Backend { get; } = Backend.Foreign();

    protected override bool CanPurge => false;
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisAdminTests : CacheAdminContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Redis);
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyAdminTests : CacheAdminContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Valkey);
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterAdminTests : CacheAdminContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.RedisCluster);
}
