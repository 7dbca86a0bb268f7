using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>Makes the scope of a request ambient, or ends the request where a tenant is needed and missing.</summary>
internal sealed class LarderScopeMiddleware(RequestDelegate next, HttpScopeResolver resolver)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var found = resolver.Resolve(context);
        if (found.Ambiguous is { } source)
        {
            await ScopeProblem.WriteAsync(context, StatusCodes.Status400BadRequest, "Ambiguous tenant", $"The {source} has several values; send one.").ConfigureAwait(false);
            return;
        }

        // Without an endpoint there is nothing that could serve a tenant's data: the usual 404 follows.
        if (found.Scope.Tenant is null && context.GetEndpoint() is { } endpoint && RequiredStatus(endpoint) is { } status)
        {
            await ScopeProblem.WriteAsync(context, status, "Unknown tenant", "The request names no tenant that is served here.").ConfigureAwait(false);
            return;
        }

        context.Features[typeof(IHttpScopeFeature)] = found;

        // Not undone: what an asynchronous method makes ambient ends with it.
        CacheScope.Use(found.Scope);
        await next(context).ConfigureAwait(false);
    }

    private int? RequiredStatus(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<ITenantRequirement>() is { } requirement ? requirement.StatusCodeWithoutTenant : resolver.Settings.Required;
}
