using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>What a route or a named policy says about pages; what is null is left to whom it stands over.</summary>
internal sealed record RouteSettings
{
    public string? Policy { get; set; }

    public TimeSpan? Duration { get; set; }

    public TimeSpan? NotFound { get; set; }

    public StatusTimes? Statuses { get; set; }

    public TimeSpan? StaleWhileRevalidate { get; set; }

    public TimeSpan? StaleIfError { get; set; }

    public TagTemplate[]? Tags { get; set; }

    public string[]? Query { get; set; }

    public string[]? Headers { get; set; }

    public bool? VaryByUser { get; set; }

    public string[]? VaryByClaims { get; set; }

    public CacheRouteETag? ETag { get; set; }

    public Func<HttpContext, object?>? KeyBy { get; set; }

    public Type? KeyType { get; set; }

    /// <summary>These settings where they say something, those below where they do not. A list replaces a list.</summary>
    public RouteSettings Over(RouteSettings lower) => new()
    {
        Policy = Policy,
        Duration = Duration ?? lower.Duration,
        NotFound = NotFound ?? lower.NotFound,
        Statuses = Statuses ?? lower.Statuses,
        StaleWhileRevalidate = StaleWhileRevalidate ?? lower.StaleWhileRevalidate,
        StaleIfError = StaleIfError ?? lower.StaleIfError,
        Tags = Tags ?? lower.Tags,
        Query = Query ?? lower.Query,
        Headers = Headers ?? lower.Headers,
        VaryByUser = VaryByUser ?? lower.VaryByUser,
        VaryByClaims = VaryByClaims ?? lower.VaryByClaims,
        ETag = ETag ?? lower.ETag,

        // Two ways to say one thing.
        KeyBy = KeyBy ?? (KeyType is null ? lower.KeyBy : null),
        KeyType = KeyType ?? (KeyBy is null ? lower.KeyType : null),
    };
}
