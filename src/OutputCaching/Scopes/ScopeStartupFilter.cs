using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Http;

/// <summary>Refuses to start an application whose endpoints need a tenant while nothing looks for one: they would serve everybody.</summary>
internal sealed class ScopeStartupFilter(HttpScopeResolver resolver) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        next(app);
        if (!resolver.IsApplied && (resolver.Settings.Required is not null || FindRequiring(app) is not null))
        {
            var who = FindRequiring(app) is { } endpoint ? $"The endpoint '{endpoint}' requires" : "AddHttpScope says that every endpoint requires";
            throw new InvalidOperationException($"{who} a tenant, but the application does not look for one. Call app.UseLarderScope() after UseRouting and UseAuthentication, and before UseLarderOutputCache or UseOutputCache.");
        }
    };

    private static string? FindRequiring(IApplicationBuilder app) => app.ApplicationServices.GetServices<EndpointDataSource>()
        .SelectMany(source => source.Endpoints)
        .FirstOrDefault(endpoint => endpoint.Metadata.GetMetadata<ITenantRequirement>()?.StatusCodeWithoutTenant is not null)?.DisplayName;
}
