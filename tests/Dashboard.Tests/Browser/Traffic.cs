using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Tests;

/// <summary>Reads, in a scope, some of which miss.</summary>
internal static class Traffic
{
    public static async Task ReadAsync(DashboardApp app, CacheScope scope, int reads, int keys, params string[] tags)
    {
        using (CacheScope.Use(scope))
        {
            for (var i = 0; i < reads; i++)
            {
                await app.Cache.GetOrCreateAsync($"key:{i % keys}", static async cancellationToken =>
                {
                    await Task.Delay(1, cancellationToken);
                    return "value";
                }, tags: tags);
            }
        }
    }
}
