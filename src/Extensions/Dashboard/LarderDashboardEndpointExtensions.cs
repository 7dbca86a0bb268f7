using System.Diagnostics.CodeAnalysis;
using Larder;
using Larder.Dashboard;
using Larder.Engine;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the dashboard.</summary>
public static class LarderDashboardEndpointExtensions
{
    /// <summary>
    /// Maps a page that shows this node's cache at work: hit rate and load time, memory, tenants and namespaces, the second level, the other nodes, what is invalidated.
    /// On it entries are looked up, and keys, tags and tenants removed. It uses nothing from other sites. It spans all tenants and needs authorization; <c>AllowAnonymous()</c> on the result
    /// is the only way to open it. What it shows is counted where <see cref="LarderOptions.Statistics"/> is on.
    /// </summary>
    /// <remarks>Where every endpoint needs a tenant, exempt it: <c>app.MapLarderDashboard().WithoutTenant()</c>.</remarks>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">Where it is. Default <c>/larder</c>.</param>
    /// <param name="configure">What it shows, and to whom.</param>
    /// <returns>All its endpoints, for further conventions.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="InvalidOperationException">
    /// <c>AddLarder</c> or <c>AddAntiforgery</c> was not called; or, thrown when the host starts, the application cannot authorize: it has no such services, no such policy, or no way to log in.
    /// </exception>
    public static IEndpointConventionBuilder MapLarderDashboard(
        this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern = "/larder", Action<LarderDashboardOptions>? configure = null)
    {
        var options = new LarderDashboardOptions();
        configure?.Invoke(options);
        options.Validate();
        var group = GuardedEndpoints.MapGroup(endpoints, nameof(MapLarderDashboard), pattern, options.AuthorizationPolicy);
        var provider = endpoints.ServiceProvider;
        RequireAntiforgery(provider);
        var logger = provider.GetRequiredService<ILoggerFactory>().CreateLogger("Larder.Dashboard");
        var feed = Start(provider, options, logger);
        var operations = new DashboardOperations(
            provider.GetRequiredService<ICacheAdmin>, provider.GetRequiredService<CacheEngine>, options.AllowValues, logger);
        Map(group, "/", DashboardPage.ServeAsync);
        Map(group, "/assets/{version}/{name}", DashboardPage.ServeAssetAsync);
        Map(group, "/events", feed.ServeAsync);
        Map(group, "/token", OperationEndpoint.ServeTokenAsync);
        foreach (var (name, operation) in operations.All)
        {
            group.MapPost($"/{name}", context => DashboardPage.WithHeaders(context, operation, OperationEndpoint.RunAsync));
        }

        return group;
    }

    private static void Map(RouteGroupBuilder group, [StringSyntax("Route")] string pattern, Func<HttpContext, Task> serve) =>
        group.MapGet(pattern, context => DashboardPage.WithHeaders(context, serve, static (context, serve) => serve(context)));

    private static void RequireAntiforgery(IServiceProvider provider)
    {
        if (provider.GetService<IAntiforgery>() is null)
        {
            throw new InvalidOperationException("The dashboard removes entries, and antiforgery keeps other sites from doing so. Call builder.Services.AddAntiforgery().");
        }

        if (string.IsNullOrEmpty(provider.GetRequiredService<IOptions<AntiforgeryOptions>>().Value.HeaderName))
        {
            throw new InvalidOperationException("The dashboard sends its antiforgery token in a header, and AntiforgeryOptions.HeaderName is null. Leave it at its default or name one.");
        }
    }

    // What happened before a page was opened is on it too, so noting begins with the application.
    private static DashboardFeed Start(IServiceProvider provider, LarderDashboardOptions options, ILogger logger)
    {
        var feed = new DashboardFeed(provider, options, provider.GetRequiredService<TimeProvider>(), logger);
        var lifetime = provider.GetRequiredService<IHostApplicationLifetime>();
        lifetime.ApplicationStarted.Register(() => feed.Start(lifetime.ApplicationStopping));
        lifetime.ApplicationStopping.Register(feed.Stop);
        return feed;
    }
}
