using Larder.Http;

namespace Larder;

/// <summary>Settings of output caching.</summary>
public sealed class LarderOutputCacheOptions
{
    // Names have no case in configuration files.
    private readonly Dictionary<string, CacheRouteAttribute> _policies = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>How long a page is served where its route does not say. Default 60 seconds. Must be positive.</summary>
    public TimeSpan DefaultExpiration { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Whether responses of cached routes carry <c>Cache-Status</c> (RFC 9211), which tells hit from miss and why something
    /// was not stored. It names no keys. Default <see langword="true"/>.
    /// </summary>
    public bool SendCacheStatus { get; set; } = true;

    /// <summary>Which <c>ETag</c> a page gets whose endpoint gives none, where its route does not say. Default <see cref="CacheRouteETag.Generation"/>.</summary>
    public CacheRouteETag ETag { get; set; } = CacheRouteETag.Generation;

    /// <summary>
    /// Declares a policy that routes use by its name: <c>[CacheRoute(Policy = "products")]</c>. What the section <c>Larder:OutputCaching:Policies</c> says of the
    /// same name holds where <paramref name="configure"/> says nothing.
    /// </summary>
    /// <param name="name">The name; it has no case. Not empty.</param>
    /// <param name="configure">As for a route. It cannot name another policy.</param>
    /// <exception cref="ArgumentException">The name is empty, or <paramref name="configure"/> names a policy.</exception>
    public void AddPolicy(string name, Action<CacheRouteAttribute> configure)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(configure);
        if (!_policies.TryGetValue(name, out var policy))
        {
            policy = new CacheRouteAttribute();
        }

        configure(policy);
        if (policy.Policy is { } other)
        {
            throw new ArgumentException($"The policy '{name}' names the policy '{other}'. A policy says everything itself.", nameof(configure));
        }

        _policies[name] = policy;
    }

    /// <exception cref="InvalidOperationException">There is none of that name.</exception>
    internal RouteSettings FindPolicy(string name) => _policies.TryGetValue(name, out var policy)
        ? policy.Settings
        : throw new InvalidOperationException(
            $"There is no policy '{name}'. {(_policies.Count == 0 ? "None is declared" : $"Declared are: {string.Join(", ", _policies.Keys.Order(StringComparer.OrdinalIgnoreCase))}")}. Declare it by LarderOutputCacheOptions.AddPolicy or in the section Larder:OutputCaching:Policies.");
}
