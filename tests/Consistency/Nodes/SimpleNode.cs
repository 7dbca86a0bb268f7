using Larder.Consistency.Checking;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Consistency.Nodes;

/// <summary>A node with the simple cache, one instance per tenant.</summary>
internal sealed class SimpleNode(NodeSettings settings, SimpleStore store) : CheckedNode
{
    private readonly SimpleHybridCache[] _caches =
        [.. Enumerable.Range(0, settings.Tenants).Select(tenant => new SimpleHybridCache(store, Topology.ScopeOf(tenant).ToString()))];

    public override bool HasLevels => false;

    public override HybridCache Cache(int tenant) => _caches[tenant];

    public override ValueTask ClearAsync(Change level, int tenant) => _caches[tenant].RemoveByTagAsync("*");

    public override Task ReadyAsync() => Task.CompletedTask;

    public override int Untold => 0;

    public override int LoadsUnderWay => 0;

    public override ValueTask DisposeAsync() => default;
}
