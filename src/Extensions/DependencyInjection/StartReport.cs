using Larder.Diagnostics;
using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Larder;

/// <summary>
/// Logs once, when the application's host starts, what the cache runs on. A wrong address stops the start, as any wrong option does; a server that does not answer neither stops nor delays it.
/// </summary>
internal sealed class StartReport(ILarderStatus status, IServiceProvider provider, ILoggerFactory loggers) : IHostedService, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private Task _reporting = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _reporting = Task.Run(ReportAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _stopping.CancelAsync().ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            // A host may be stopped and disposed from two sides at once, as test hosts are.
        }

        await _reporting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stopping.Dispose();

    private async Task ReportAsync()
    {
        var logger = loggers.CreateLogger("Larder.Cache");
        if (provider.GetService<HybridCache>() is not ScopedHybridCache and { } other)
        {
            // Nothing stops an application from wrapping what AddLarder gave it, or from replacing it for a test. By mistake it would lose the wall between tenants.
            logger.HybridCacheReplaced(other.GetType().ToString());
        }

        var report = await status.GetAsync(_stopping.Token).ConfigureAwait(false);
        var settings = string.Join(", ", report.Settings.Select(setting => $"{setting.Key}={setting.Value}"));
        if (report.IsReachable)
        {
            logger.StartedUsable(report.Backend, report.Source, report.Reason, settings);
        }
        else
        {
            logger.StartedWithoutServer(report.Backend, report.Source, report.Reason, settings);
        }
    }
}
