using Microsoft.Extensions.Logging;

namespace Larder.Health;

/// <summary>Every log message of the package.</summary>
internal static partial class Log
{
    // Debug: the health service itself reports every failed check at Error or Warning.
    [LoggerMessage(1, LogLevel.Debug, "The health check got no answer to: {Probe}.")]
    public static partial void ProbeFailed(this ILogger logger, Exception exception, string probe);
}
