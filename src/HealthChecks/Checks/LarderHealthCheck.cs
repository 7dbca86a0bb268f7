using Larder.Redis;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Larder.Health;

/// <summary>
/// Asks several questions at once over the connection that the cache uses, so that it says what the cache experiences. One run serves all
/// who ask while it is under way and shortly after.
/// </summary>
/// <remarks>
/// <para><b>Time.</b> The token of a run ends with the timeout; what ignores it is left <see cref="Grace"/> later. So a run ends, whatever a
/// client does, and with it every wait for it.</para>
/// <para><b>Nothing piles up.</b> Runs do not overlap, what is left behind ends by the client's own timeouts, and no run begins before the last
/// one's result is used up.</para>
/// </remarks>
internal sealed class LarderHealthCheck(
    IReadOnlyList<IHealthProbe> probes, RedisConnection? connection, string level, LarderHealthOptions options, TimeSpan timeout, TimeProvider time, ILogger<LarderHealthCheck> logger) : IHealthCheck
{
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private Task<Outcome>? _run;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(context);
        var outcome = await LatestRun().WaitAsync(cancellationToken).ConfigureAwait(false);

        // No worse than the application wants it: memory may still serve.
        var status = (HealthStatus)Math.Max((int)outcome.Status, (int)context.Registration.FailureStatus);
        return new HealthCheckResult(status, outcome.Description, exception: null, outcome.Data);
    }

    private Task<Outcome> LatestRun()
    {
        lock (_lock)
        {
            if (_run is null || (_run.IsCompleted && !(_run.IsCompletedSuccessfully && time.GetElapsedTime(_run.Result.EndedAt) < options.ResultLifetime)))
            {
                // It serves others than who began it: it must not end with that call, nor run in its scope or trace.
                using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
                {
                    _run = Task.Run(RunAsync);
                }
            }

            return _run;
        }
    }

    private async Task<Outcome> RunAsync()
    {
        using var ending = new CancellationTokenSource(timeout, time);
        var run = new ProbeRun(connection, ending.Token);
        var findings = await Task.WhenAll(probes.Select(probe => FindAsync(probe, run, ending.Token))).ConfigureAwait(false);
        var status = HealthStatus.Healthy;
        var data = new Dictionary<string, object>(StringComparer.Ordinal) { ["secondLevel"] = level };
        foreach (var (probe, finding) in probes.Zip(findings))
        {
            if (finding is null)
            {
                continue;
            }

            if (finding.Status < status)
            {
                status = finding.Status.Value;
            }

            data[probe.Name] = Shown(finding);
        }

        var complaints = findings.Where(finding => status != HealthStatus.Healthy && finding?.Status == status).Select(static finding => finding!.Description);
        var description = status == HealthStatus.Healthy ? (connection is not null ? "The server answers." : level == "memory" ? "In memory; no server is configured." : "The second level answers.") : string.Join(' ', complaints);
        return new Outcome(status, description, data, time.GetTimestamp());
    }

    private async Task<Finding?> FindAsync(IHealthProbe probe, ProbeRun run, CancellationToken cancellationToken)
    {
        Task<Finding?>? asking = null;
        Finding? finding;
        try
        {
            asking = probe.ProbeAsync(run, cancellationToken);
            finding = await asking.WaitAsync(timeout + Grace, time, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // It may still fail later, and nobody else will look.
            _ = asking?.ContinueWith(static late => _ = late.Exception, TaskScheduler.Default);
            finding = probe.OnFailure(exception is OperationCanceledException ? new TimeoutException() : exception, timeout);
            finding = finding is null or { Exception: not null } ? finding : finding with { Exception = exception };
        }

        if (finding?.Exception is { } cause)
        {
            logger.ProbeFailed(cause, probe.Name);
        }

        return finding;
    }

    private Dictionary<string, object> Shown(Finding finding)
    {
        var shown = new Dictionary<string, object>(StringComparer.Ordinal) { ["status"] = finding.Status?.ToString() ?? "Unknown" };
        if (finding is { Status: not HealthStatus.Healthy, Description: { } description })
        {
            shown["description"] = description;
        }

        foreach (var (name, value) in finding.Data)
        {
            shown[name] = value;
        }

        if (options.ShowDetails && finding.Exception is { } exception)
        {
            // The client's texts name servers and commands; the text of anybody else's error may hold a password.
            shown["error"] = exception is StackExchange.Redis.RedisException or StackExchange.Redis.RedisTimeoutException ? exception.Message : exception.GetType().Name;
        }

        return shown;
    }

    private sealed record Outcome(HealthStatus Status, string Description, IReadOnlyDictionary<string, object> Data, long EndedAt);
}
