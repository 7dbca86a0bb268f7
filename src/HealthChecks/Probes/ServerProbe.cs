using System.Globalization;
using StackExchange.Redis;

namespace Larder.Health;

/// <summary>Whether the masters answer a PING, and how fast.</summary>
internal sealed class ServerProbe(LarderHealthOptions options, TimeProvider time, bool requiresServer) : IHealthProbe
{
    public string Name => "server";

    public async Task<Finding?> ProbeAsync(ProbeRun run, CancellationToken cancellationToken)
    {
        if (!run.HasServer)
        {
            return requiresServer ? Finding.Unhealthy("No server is configured.") : null;
        }

        var view = await run.ServerAsync().ConfigureAwait(false);
        var connected = view.Masters.Where(static node => node.Server.IsConnected).ToArray();
        if (connected.Length == 0)
        {
            return view.Replicas.Count == 0
                ? await UnreachedAsync(view).ConfigureAwait(false)
                : Finding.Unhealthy("No master can be reached, only replicas: nothing is written; memory still serves.");
        }

        // One master of a cluster that does not answer must not hide what the others say.
        var answers = await Task.WhenAll(connected.Select(node => PingAsync(node, cancellationToken))).ConfigureAwait(false);
        var silent = view.Masters.Count - answers.Count(static answer => answer.Failure is null);
        if (answers.All(static answer => answer.Failure is not null))
        {
            throw answers[0].Failure!;
        }

        var latency = answers.Where(static answer => answer.Failure is null).Max(static answer => answer.Latency);
        var finding = Finding.Of(
            latency >= options.UnhealthyLatency ? Slow(latency) : null,
            silent != 0 ? string.Create(CultureInfo.InvariantCulture, $"{silent} of {view.Masters.Count} masters do not answer; memory still serves.")
                : latency >= options.DegradedLatency ? Slow(latency) : null);
        finding.With("latencyMilliseconds", Math.Round(latency.TotalMilliseconds, 2)).With("masters", view.Masters.Count).With("silentMasters", silent == 0 ? null : silent);
        if (options.ShowDetails)
        {
            finding.With("endpoints", string.Join(", ", view.Masters.Select(static node => ServerView.Text(node.Server.EndPoint))));
        }

        return finding with { Exception = answers.FirstOrDefault(static answer => answer.Failure is not null).Failure };
    }

    public Finding? OnFailure(Exception exception, TimeSpan timeout) => Finding.Unhealthy(exception switch
    {
        TimeoutException => string.Create(CultureInfo.InvariantCulture, $"The server did not answer within {timeout.TotalMilliseconds:0} ms; memory still serves."),
        _ when IsRefusal(exception) => "The server refuses the credentials; memory still serves.",
        RedisServerException => "The server answers with errors; memory still serves.",
        _ => "The server cannot be reached; memory still serves.",
    }) with { Exception = exception };

    private static string Slow(TimeSpan latency) => string.Create(CultureInfo.InvariantCulture, $"The server takes {latency.TotalMilliseconds:0} ms to answer.");

    private static bool IsRefusal(Exception? exception) => exception switch
    {
        null => false,
        RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure } => true,
        AggregateException several => several.InnerExceptions.Any(IsRefusal),
        _ => IsRefusal(exception.InnerException),
    };

    // The client says why it has no connection only to whoever sends a command.
    private static async Task<Finding?> UnreachedAsync(ServerView view)
    {
        await view.Multiplexer.GetDatabase().PingAsync().ConfigureAwait(false);
        return Finding.Healthy();
    }

    private async Task<(TimeSpan Latency, Exception? Failure)> PingAsync(ServerNode node, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        try
        {
            // The client does not look at tokens once a command is sent, so the wait ends here rather than there.
            await node.Server.PingAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("NOPERM", StringComparison.Ordinal))
        {
            // Refused, so it was heard.
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException or ObjectDisposedException)
        {
            return (default, exception);
        }
        catch (OperationCanceledException)
        {
            return (default, new TimeoutException());
        }

        return (time.GetElapsedTime(started), null);
    }
}
