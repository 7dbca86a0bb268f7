namespace Larder;

/// <summary>
/// Gives namespaces by their name, for code that learns the name while it runs. Injected as a singleton. Elsewhere inject the namespace itself:
/// <c>[FromKeyedServices("confirmation")] CacheNamespace confirmations</c>.
/// </summary>
public interface ICacheNamespaces
{
    /// <summary>A namespace, declared or not. One that was not declared has the global defaults.</summary>
    /// <param name="name">Its name, compared ordinally. Not empty, not only white space.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty or white space.</exception>
    CacheNamespace Get(string name);
}
