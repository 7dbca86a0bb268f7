using Larder.Consistency.Checking;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Consistency.Nodes;

/// <summary>One node under check: a cache per tenant, and its clears.</summary>
internal abstract class CheckedNode : IAsyncDisposable
{
    /// <summary>Whether the scopes above the tenants' namespaces can be cleared.</summary>
    public abstract bool HasLevels { get; }

    public abstract HybridCache Cache(int tenant);

    public abstract ValueTask ClearAsync(Change level, int tenant);

    /// <summary>Ends when the node takes part: connected, subscribed, hearing.</summary>
    public abstract Task ReadyAsync();

    /// <summary>How many invalidations it has acknowledged and could not tell the server or the others yet.</summary>
    public abstract int Untold { get; }

    /// <summary>How many loads are under way, those in the background included.</summary>
    public abstract int LoadsUnderWay { get; }

    public abstract ValueTask DisposeAsync();
}
