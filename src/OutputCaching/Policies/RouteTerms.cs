using Larder.Engine;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Larder.Http;

/// <summary>What is true of a route's pages: its own settings, over those of its policy, over the general ones. Worked out once.</summary>
internal sealed class RouteTerms
{
    private readonly TimeSpan _notFound;
    private readonly StatusTimes? _statuses;
    private readonly Func<HttpContext, object?>? _keyBy;

    /// <exception cref="InvalidOperationException">The policy does not exist, or the settings contradict each other.</exception>
    public RouteTerms(CacheRouteAttribute route, LarderOutputCacheOptions options, IServiceProvider services)
    {
        Options = options;
        var settings = route.Settings;
        if (settings.Policy is { } name)
        {
            settings = settings.Over(options.FindPolicy(name));
        }

        Expiration = settings.Duration is { } duration && duration > TimeSpan.Zero ? duration : options.DefaultExpiration;
        _notFound = settings.NotFound ?? TimeSpan.Zero;
        _statuses = settings.Statuses;
        Headers = settings.Headers ?? [];
        Query = settings.Query ?? [];
        Tags = settings.Tags ?? [];
        VaryByUser = settings.VaryByUser ?? false;
        VaryByClaims = settings.VaryByClaims ?? [];
        foreach (var tag in Tags)
        {
            tag.ThrowIfOfAnotherUser(this);
        }

        ETag = settings.ETag ?? options.ETag;
        _keyBy = settings.KeyBy;
        if (settings.KeyType is { } type)
        {
            _keyBy = _keyBy is null
                ? ((ICacheRouteKey)ActivatorUtilities.GetServiceOrCreateInstance(services, type)).GetKey
                : throw new InvalidOperationException($"A cached route has both KeyBy and the KeyType {type}. Keep one of them.");
        }

        Policy = new CacheEntryPolicy
        {
            Expiration = Expiration,
            StaleWhileRevalidate = settings.StaleWhileRevalidate,
            StaleIfError = settings.StaleIfError,

            // These are about the application's data: a page is not one of its types, and its end is told to clients.
            Validate = static _ => true,
            NullIsNotFound = false,
            SlidingExpiration = TimeSpan.Zero,
            Jitter = 0,
        };
    }

    /// <summary>Those that the terms were made of.</summary>
    public LarderOutputCacheOptions Options { get; }

    /// <summary>How long a 200 is served.</summary>
    public TimeSpan Expiration { get; }

    /// <summary>Request headers that the key holds.</summary>
    public string[] Headers { get; }

    /// <summary>Query parameters that the key holds.</summary>
    public string[] Query { get; }

    public TagTemplate[] Tags { get; }

    public bool VaryByUser { get; }

    public string[] VaryByClaims { get; }

    /// <summary>Whether the key holds who asks.</summary>
    public bool IsForUser => VaryByUser || VaryByClaims.Length > 0;

    /// <summary>Whether a part of the key is the application's.</summary>
    public bool HasOwnKey => _keyBy is not null;

    /// <summary>What a page gets whose endpoint gives none.</summary>
    public CacheRouteETag ETag { get; }

    /// <summary>What the engine is told before the response is known.</summary>
    public CacheEntryPolicy Policy { get; }

    /// <summary>The application's part of the key; null if it has none for this request.</summary>
    public string? OwnKey(HttpContext context) => _keyBy!(context) switch
    {
        null or "" => null,
        var value => CacheKey.FromParts(value),
    };

    /// <summary>How long a response of that status is served; null if it is not stored.</summary>
    public TimeSpan? For(int status)
    {
        if (status == StatusCodes.Status200OK)
        {
            return Expiration;
        }

        var time = _statuses?.For(status) ?? (status is StatusCodes.Status404NotFound or StatusCodes.Status410Gone ? _notFound : TimeSpan.Zero);
        return time > TimeSpan.Zero ? time : null;
    }

    /// <summary>Whether the key holds all that the response says it depends on.</summary>
    /// <param name="vary">What it says.</param>
    /// <param name="isEncodedOutside">Whether <c>Accept-Encoding</c> does not count.</param>
    public bool Covers(StringValues vary, bool isEncodedOutside)
    {
        foreach (var line in vary)
        {
            foreach (var name in (line ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                if (!Headers.Contains(name, StringComparer.OrdinalIgnoreCase)
                    && !PageKey.Forwarded.Contains(name, StringComparer.OrdinalIgnoreCase)
                    && !(isEncodedOutside && name.Equals(HeaderNames.AcceptEncoding, StringComparison.OrdinalIgnoreCase)))
                {
                    return false;
                }
            }
        }

        return true;
    }
}
