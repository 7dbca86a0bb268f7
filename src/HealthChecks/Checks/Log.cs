using Microsoft.Extensions.Logging;

namespace Larder.Health;

/// <summary>Every log message of the package.</summary>
internal static partial class Log
{
    // Debug: the health service itself reports every failed check at Error or Warning.
    [LoggerMessage(1, LogLevel.Debug, "The health check did not reach the server.")]
    public static partial void ServerNotReached(this ILogger logger, Exception exception);
}
