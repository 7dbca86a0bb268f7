using Larder.Engine;

namespace Larder.Namespaces;

/// <remarks>Namespaces are not kept: each knows nothing but its name, and the state of its scopes is the engine's.</remarks>
internal sealed class CacheNamespaces(CacheEngine engine, ICacheCounters counters) : ICacheNamespaces
{
    public CacheNamespace Get(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new CacheNamespace(engine, counters, name, null);
    }

    /// <summary>For keyed services, whose key may be any object.</summary>
    public CacheNamespace Get(object? key) => key is string name
        ? Get(name)
        : throw new InvalidOperationException($"A CacheNamespace is asked for by the key '{key}' of type {key?.GetType().Name ?? "null"}. Use the namespace's name: [FromKeyedServices(\"confirmation\")].");
}
