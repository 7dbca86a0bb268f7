using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>What a route says about its responses.</summary>
/// <param name="Expiration">How long a 200 is served.</param>
/// <param name="NotFound">How long a 404 or 410 is served; zero if not at all.</param>
/// <param name="Headers">Request headers that the key holds.</param>
/// <param name="IsForUser">Whether the key holds who asks.</param>
/// <param name="Policy">What the engine is told before the response is known.</param>
internal sealed record RouteTerms(TimeSpan Expiration, TimeSpan NotFound, string[] Headers, bool IsForUser, CacheEntryPolicy Policy)
{
    /// <summary>How long a response of that status is served; null if it is not stored.</summary>
    public TimeSpan? For(int status) => status switch
    {
        StatusCodes.Status200OK => Expiration,
        StatusCodes.Status404NotFound or StatusCodes.Status410Gone when NotFound > TimeSpan.Zero => NotFound,
        _ => null,
    };

    /// <summary>Whether the key holds all that the response says it depends on.</summary>
    public bool Covers(StringValues vary)
    {
        foreach (var line in vary)
        {
            foreach (var name in (line ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                if (!Headers.Contains(name, StringComparer.OrdinalIgnoreCase))
                {
                    return false;
                }
            }
        }

        return true;
    }
}
