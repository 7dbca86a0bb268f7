using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>What a request has to do with the cache: set by <see cref="PageRequestMiddleware"/>, filled in by the policy of its route.</summary>
internal sealed class PageFeature(CacheRoutePolicy policy)
{
    private long _ticket;

    /// <summary>Here, so that a hit need not open the services of its request.</summary>
    public CacheRoutePolicy Policy { get; } = policy;

    public CacheStatus? Status { get; set; }

    /// <summary>What <see cref="PageHitMiddleware"/> has found out, while it calls the middleware whose policy takes it.</summary>
    public PageLook? Look { get; set; }

    /// <summary>What asks the cache and stores; none if the page was in memory.</summary>
    public PageRequest? Request { get; set; }

    /// <summary>The page that was found.</summary>
    public Page? Found { get; set; }

    /// <summary>The number by which the store finds this; zero for none. Written by <see cref="PageTickets"/>.</summary>
    public long Ticket
    {
        get => Volatile.Read(ref _ticket);
        set => Volatile.Write(ref _ticket, value);
    }

    /// <summary>Ends what was begun: the request is over, or begins again as that of an error page, which may be cached too.</summary>
    public void End()
    {
        Request?.Dispose();
        (Request, Found) = (null, null);
        Policy.Tickets.Withdraw(this);
    }

    /// <exception cref="InvalidOperationException">The application has not added output caching.</exception>
    public static PageFeature Of(HttpContext context) =>
        context.Features.Find<PageFeature>() ?? throw new InvalidOperationException("CacheRoute needs its services. Call services.AddLarder().AddOutputCaching().");
}
