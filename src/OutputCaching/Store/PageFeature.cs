using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>What a request has to do with the cache: set by <see cref="PageRequestMiddleware"/>, filled in by the policy of its route.</summary>
internal sealed class PageFeature(CacheRoutePolicy policy)
{
    /// <summary>Here, so that a hit need not open the services of its request.</summary>
    public CacheRoutePolicy Policy { get; } = policy;

    public CacheStatus? Status { get; set; }

    public PageRequest? Request { get; set; }

    /// <exception cref="InvalidOperationException">The application has not added output caching.</exception>
    public static PageFeature Of(HttpContext context) =>
        context.Features.Get<PageFeature>() ?? throw new InvalidOperationException("CacheRoute needs its services. Call services.AddLarder().AddOutputCaching().");
}
