using Larder.Diagnostics;
using Larder.Engine;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Larder.Health;

/// <summary>
/// Asks the server for a PING over the connection that the cache uses, so that it says what the cache experiences. In
/// memory there is nothing that could be away. A server that answers may still fail the cache's calls, or messages alone: the
/// breakers tell.
/// </summary>
internal sealed class LarderHealthCheck(LarderServer server, LarderMetrics metrics, TimeSpan timeout, TimeProvider time, ILogger<LarderHealthCheck> logger) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (server.Connection is not { } connection)
        {
            return Breakers(Data("cache", null)) ?? HealthCheckResult.Healthy("In memory; no server is configured.", Data("memory", null));
        }

        var started = time.GetTimestamp();
        var ping = PingAsync();
        try
        {
            // The client does not look at tokens once a command is sent, so the wait ends here rather than there.
            await ping.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false);
            var latency = time.GetElapsedTime(started);
            return Breakers(Data("server", latency)) ?? HealthCheckResult.Healthy("The server answers.", Data("server", latency));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Forget(ping);
            throw;
        }
        catch (TimeoutException exception)
        {
            Forget(ping);
            return Failed(context, exception, FormattableString.Invariant($"The server did not answer within {timeout.TotalMilliseconds:0} ms; memory still serves."), time.GetElapsedTime(started));
        }
        catch (Exception exception) when (exception is RedisException or ObjectDisposedException or InvalidOperationException or System.Net.Sockets.SocketException)
        {
            return Failed(context, exception, "The server cannot be reached; memory still serves.", time.GetElapsedTime(started));
        }

        async Task PingAsync()
        {
            var multiplexer = await connection.GetAsync().ConfigureAwait(false);
            await multiplexer.GetDatabase().PingAsync().ConfigureAwait(false);
        }
    }

    // Degraded whatever the registration says: the server itself was reached, or is someone else's to check.
    private HealthCheckResult? Breakers(Dictionary<string, object> data)
    {
        var open = metrics.OpenBreakers;
        if (open.Count == 0)
        {
            return null;
        }

        data["openBreakers"] = string.Join(", ", open);
        return HealthCheckResult.Degraded(
            open.Contains(GuardedSecondLevel.BreakerName)
                ? "Calls to the second level fail; memory still serves."
                : "Messages to the other nodes cannot be sent; invalidations are kept until they can.",
            exception: null,
            data);
    }

    // The exception goes to the log only: its text names the server.
    private HealthCheckResult Failed(HealthCheckContext context, Exception exception, string description, TimeSpan waited)
    {
        logger.ServerNotReached(exception);
        return new HealthCheckResult(context.Registration.FailureStatus, description, exception: null, Data("server", waited));
    }

    private static Dictionary<string, object> Data(string level, TimeSpan? latency)
    {
        var data = new Dictionary<string, object>(StringComparer.Ordinal) { ["secondLevel"] = level };
        if (latency is { } value)
        {
            data["latencyMilliseconds"] = Math.Round(value.TotalMilliseconds, 2);
        }

        return data;
    }

    // It may still fail later, and nobody else will look.
    private static void Forget(Task ping) => _ = ping.ContinueWith(static late => _ = late.Exception, TaskScheduler.Default);
}
