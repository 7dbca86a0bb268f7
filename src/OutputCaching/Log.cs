using Microsoft.Extensions.Logging;

namespace Larder.Http;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "A response of {Endpoint} was not cached, because its user was known only after the cache had been asked. Call app.UseAuthentication() before app.UseLarderOutputCache() or app.UseOutputCache(). Told once.")]
    public static partial void AuthenticatedTooLate(this ILogger logger, string? endpoint);

    [LoggerMessage(2, LogLevel.Warning, "app.UseLarderOutputCache() or app.UseOutputCache() comes before app.UseRouting(): it does not see the endpoint {Endpoint}, which is not cached. Call app.UseRouting() first.")]
    public static partial void CacheBeforeRouting(this ILogger logger, string? endpoint);

    [LoggerMessage(3, LogLevel.Warning, "app.UseLarderOutputCache() or app.UseOutputCache() comes before app.UseLarderScope(): it does not know whose a page is, and caches none. Call app.UseLarderScope() first.")]
    public static partial void CacheBeforeScope(this ILogger logger);

    [LoggerMessage(4, LogLevel.Warning, "app.UseLarderOutputCache() or app.UseOutputCache() comes before app.UseAuthorization(): nobody asks whether a user may see a page of the endpoint {Endpoint} that is in the cache. Call app.UseAuthorization() first.")]
    public static partial void CacheBeforeAuthorization(this ILogger logger, string? endpoint);

    [LoggerMessage(5, LogLevel.Warning, "app.UseLarderOutputCache() or app.UseOutputCache() comes before app.UseAuthentication(): it does not know who asks for the endpoint {Endpoint}. Call app.UseAuthentication() first.")]
    public static partial void CacheBeforeAuthentication(this ILogger logger, string? endpoint);

    [LoggerMessage(6, LogLevel.Warning, "app.UseLarderScope() comes before app.{Step}(): the {Source} has no value yet. Call app.{Step}() first.")]
    public static partial void ScopeTooEarly(this ILogger logger, string source, string step);
}
