using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Larder.Dashboard;

/// <summary>Endpoints that span tenants: closed unless the application says otherwise, and stored by no output cache.</summary>
/// <remarks>
/// What an application lacks to authorize shows at its start, not with the first request. It cannot be seen when an endpoint is mapped, because <c>AllowAnonymous()</c> may
/// follow, nor when endpoints are built, which is with the first request. So it is looked at when all services of the host have started.
/// </remarks>
internal sealed class GuardedEndpoints(IServiceProvider provider) : IHostedLifecycleService
{
    private volatile bool _any;

    public static RouteGroupBuilder MapGroup(IEndpointRouteBuilder endpoints, string method, string pattern, string? policy)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentException.ThrowIfNullOrWhiteSpace(pattern);
        var guarded = endpoints.ServiceProvider.GetService<GuardedEndpoints>() ?? throw new InvalidOperationException($"{method} shows the cache of services.AddLarder(). Call that first.");
        guarded._any = true;
        var group = endpoints.MapGroup(pattern);
        var authorize = new AuthorizeAttribute { Policy = policy };
        group.WithMetadata(new Mark($"{method}(\"{pattern}\")"), new OutputCacheAttribute { NoStore = true }, authorize);
        group.ExcludeFromDescription();

        // Routing refuses to serve what asks for authorization where the application has no middleware for it, also where everybody is let in.
        ((IEndpointConventionBuilder)group).Finally(endpoint =>
        {
            if (endpoint.Metadata.Any(static each => each is IAllowAnonymous))
            {
                endpoint.Metadata.Remove(authorize);
            }
        });
        return group;
    }

    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        if (!_any)
        {
            return;
        }

        var closed = provider.GetRequiredService<EndpointDataSource>().Endpoints
            .Where(static endpoint => endpoint.Metadata.GetMetadata<Mark>() is not null && endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null);
        foreach (var endpoint in closed)
        {
            if (await FaultAsync(endpoint).ConfigureAwait(false) is { } fault)
            {
                throw new InvalidOperationException($"{endpoint.Metadata.GetMetadata<Mark>()!.Call} {fault} Where everybody may see the caches of all tenants and clear them, say so with .AllowAnonymous().");
            }
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task<string?> FaultAsync(Endpoint endpoint)
    {
        if (provider.GetService<IAuthorizationService>() is null || provider.GetService<IAuthorizationPolicyProvider>() is not { } policies)
        {
            return "needs authorization, and the application has no services for it. Call builder.Services.AddAuthorization() and AddAuthentication().";
        }

        foreach (var name in endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Select(static data => data.Policy))
        {
            if (!string.IsNullOrEmpty(name) && await policies.GetPolicyAsync(name).ConfigureAwait(false) is null)
            {
                return $"needs the authorization policy '{name}', which the application does not have. Call builder.Services.AddAuthorization(options => options.AddPolicy(\"{name}\", …)).";
            }
        }

        // Whoever is refused is asked to log in. Without a scheme for that the request would fail instead, unless the application answers itself.
        var policy = await AuthorizationPolicy.CombineAsync(policies, endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>(), endpoint.Metadata.GetOrderedMetadata<AuthorizationPolicy>()).ConfigureAwait(false);
        var asks = policy!.AuthenticationSchemes.Count != 0
            || (provider.GetService<IAuthenticationSchemeProvider>() is { } schemes && await schemes.GetDefaultChallengeSchemeAsync().ConfigureAwait(false) is not null)
            || provider.GetService<IAuthorizationMiddlewareResultHandler>() is not (null or AuthorizationMiddlewareResultHandler);
        return asks ? null : "needs somebody to have logged in, and the application has no way to. Call builder.Services.AddAuthentication(…) with a scheme, or give a policy that names one.";
    }

    private sealed record Mark(string Call);
}
