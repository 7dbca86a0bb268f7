using Larder.Diagnostics;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    /// <summary>Removes what invalidation has left: here from memory, then from the second level if it can be scanned.</summary>
    public async Task<PurgeProgress> PurgeAsync(IProgress<PurgeProgress>? progress, CancellationToken cancellationToken)
    {
        var done = new PurgeProgress(_memory.Count, 0);

        // With a second level an entry in doubt may still turn out valid; only what is known to be invalid goes.
        var removed = _memory.Sweep(_clock.Now, entry => !entry.IsCurrent() && (_second is null || IsKnownInvalid(entry)));
        done = done.Plus(new PurgeProgress(0, removed) { IndexMembersRemoved = _memory.Index?.Purge() ?? 0 });
        progress?.Report(done);
        if (_second is not null)
        {
            await foreach (var step in _second.PurgeAsync(cancellationToken).ConfigureAwait(false))
            {
                done = done.Plus(step);
                progress?.Report(done);
            }
        }

        return done;
    }

    /// <summary>Purges once per interval, on whichever node asks first, until the engine is disposed of.</summary>
    private async Task RunPurgeAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            await Task.Delay(_options.PurgeInterval, _clock.Provider, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                if (!stopping.IsCancellationRequested
                    && await _second!.TryClaimPurgeAsync(_options.PurgeInterval * 0.9).ConfigureAwait(false) is { Succeeded: true, Value: true })
                {
                    var done = await PurgeAsync(null, stopping).ConfigureAwait(false);
                    _logger.Purged(done.Removed, done.Scanned);
                }
            }
            catch (Exception exception) when (!stopping.IsCancellationRequested)
            {
                if (_limiter.Admits(nameof(Log.BackgroundFailed), "purge", out var suppressed))
                {
                    _logger.BackgroundFailed(exception, suppressed);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private bool IsKnownInvalid(MemoryEntry entry)
    {
        if (entry.Origin is not { } origin)
        {
            return true;
        }

        Span<long> stamps = stackalloc long[4];
        for (var i = 0; i < stamps.Length; i++)
        {
            if (!entry.Scope.Levels[i].TryGetStamp(long.MinValue, long.MinValue, out stamps[i]))
            {
                return false;
            }
        }

        if (ScopeState.Fold(stamps) != origin.ScopeStamp)
        {
            return true;
        }

        for (var i = 0; entry.Tags is not null && i < entry.Tags.Length; i++)
        {
            if (entry.Tags[i].TryGetStamp(long.MinValue, long.MinValue, out var stamp) && stamp != origin.TagStamps![i])
            {
                return true;
            }
        }

        return false;
    }
}
