using Larder.Engine;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;

namespace Larder.Http;

/// <summary>
/// Comes between the application's base policies and what an endpoint says, and mends what the framework's own policies lack. It makes the tenant a part of their keys, because the
/// middleware lets requests with one key share a response before any store is asked. It notes when a request began.
/// </summary>
internal sealed class PlainPagePolicy(HttpScopeAccess scopes, CacheEngine engine) : IOutputCachePolicy
{
    private const string Name = "larder:scope";

    public ValueTask CacheRequestAsync(OutputCacheContext context, CancellationToken cancellation)
    {
        var http = context.HttpContext;
        if (IsRoute(http))
        {
            // Its keys stand in the scope themselves.
            return default;
        }

        if (KeySeparators.AreIn(http.Request))
        {
            // What an endpoint says comes later; it was taken away by then (see SeparatorGuard).
            context.EnableOutputCaching = false;
            context.AllowCacheLookup = false;
            context.AllowCacheStorage = false;
            return default;
        }

        // Not awaited in here: what is set must be seen by the middleware that calls this.
        PlainRun.Current = new PlainRun(engine.Begin());

        // Without its scope a request shares nothing with any other.
        context.CacheVaryByRules.VaryByValues[Name] = scopes.TryFind(http) is { } scope ? PageScope.Text(scope) : PageStore.Unshared + Guid.NewGuid().ToString("N");
        return default;
    }

    public ValueTask ServeFromCacheAsync(OutputCacheContext context, CancellationToken cancellation) => default;

    // What was cut short is refused by the store, which is given the request's token.
    public ValueTask ServeResponseAsync(OutputCacheContext context, CancellationToken cancellation) => default;

    private static bool IsRoute(HttpContext http) => http.GetEndpoint()?.Metadata.GetMetadata<IOutputCachePolicy>() is CacheRouteAttribute;
}
