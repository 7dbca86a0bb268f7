using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Larder;
using Larder.Dashboard;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the statistics of the cache.</summary>
public static class LarderStatisticsEndpointExtensions
{
    /// <summary>
    /// Maps what <see cref="ICacheAdmin.GetStatistics"/> says of this node, and the state of its second level and backplane, as JSON; and <c>POST …/reset</c>, which
    /// begins to count anew. No cache keeps the answers. They span all tenants and need authorization; <c>AllowAnonymous()</c> on the result is the only way to open them.
    /// </summary>
    /// <remarks>Where every endpoint needs a tenant, exempt these: <c>app.MapLarderStatistics().WithoutTenant()</c>.</remarks>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">Where it is. Default <c>/larder/statistics</c>.</param>
    /// <param name="policy">Which authorization policy applies. Default null: the application's default policy, which is that somebody has logged in.</param>
    /// <returns>Both endpoints, for further conventions.</returns>
    /// <exception cref="InvalidOperationException">
    /// <c>AddLarder</c> was not called; or, thrown when the host starts, the application cannot authorize: it has no such services, no such policy, or no way to log in.
    /// </exception>
    public static IEndpointConventionBuilder MapLarderStatistics(
        this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern = "/larder/statistics", string? policy = null)
    {
        var group = GuardedEndpoints.MapGroup(endpoints, nameof(MapLarderStatistics), pattern, policy);
        group.MapGet("", static context => WriteAsync(context));
        group.MapPost("/reset", static context => ResetAsync(context));
        return group;
    }

    private static async Task WriteAsync(HttpContext context)
    {
        var state = await context.RequestServices.GetRequiredService<NodeStateReader>().ReadAsync(context.RequestAborted).ConfigureAwait(false);
        var statistics = context.RequestServices.GetRequiredService<ICacheAdmin>().GetStatistics();
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        await JsonSerializer.SerializeAsync(context.Response.BodyWriter, StatisticsDocument.Of(statistics, state), DashboardJson.Default.StatisticsDocument, context.RequestAborted).ConfigureAwait(false);
    }

    private static Task ResetAsync(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        if (RequestOrigin.IsElsewhere(context.Request))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return Task.CompletedTask;
        }

        context.RequestServices.GetRequiredService<ICacheAdmin>().ResetStatistics();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
