using Microsoft.Extensions.Logging;

namespace Larder.Http;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "A response of {Endpoint} was not cached, because its user was known only after the cache had been asked. Call app.UseAuthentication() before app.UseOutputCache(). Told once.")]
    public static partial void AuthenticatedTooLate(this ILogger logger, string? endpoint);
}
