using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;

namespace Larder.Http;

/// <summary>
/// Comes before the framework's own policies and makes the tenant a part of their keys: the middleware lets requests with one key
/// share a response before any store is asked.
/// </summary>
internal sealed class PlainPagePolicy(HttpScopeAccess scopes) : IOutputCachePolicy
{
    private const string Name = "larder:scope";

    public ValueTask CacheRequestAsync(OutputCacheContext context, CancellationToken cancellation)
    {
        if (context.HttpContext.GetEndpoint()?.Metadata.GetMetadata<IOutputCachePolicy>() is CacheRouteAttribute)
        {
            // Its keys stand in the scope themselves.
            return default;
        }

        // Without its scope a request shares nothing with any other.
        context.CacheVaryByRules.VaryByValues[Name] = scopes.TryFind(context.HttpContext) is { } scope
            ? PageScope.Text(scope)
            : PageStore.Unshared + Guid.NewGuid().ToString("N");
        return default;
    }

    public ValueTask ServeFromCacheAsync(OutputCacheContext context, CancellationToken cancellation) => default;

    public ValueTask ServeResponseAsync(OutputCacheContext context, CancellationToken cancellation) => default;
}
