using System.Buffers;

namespace Larder.Engine;

/// <remarks>
/// Bytes that the application keeps through an <c>IDistributedCache</c>: bound to their key and stamped by their scope like entries, so that no other key or tenant
/// gives them and a clear makes an end of them, and wrapped like entries.
/// </remarks>
internal sealed partial class CacheEngine
{
    /// <summary>The bytes behind a header, or null if they cannot be kept now (no stamps to be had, or no key); then what was there must go.</summary>
    /// <param name="scope">Whose they are.</param>
    /// <param name="physicalKey">Where they are to be stored.</param>
    /// <param name="value">The bytes.</param>
    /// <param name="life">How long they may be kept.</param>
    /// <param name="sliding">Their window, which each read begins anew; zero for none.</param>
    public async ValueTask<PayloadWriter?> SealAsync(ScopeState scope, string physicalKey, ReadOnlySequence<byte> value, TimeSpan life, TimeSpan sliding)
    {
        // Before the bytes are stored: a clear that comes meanwhile makes them invalid on arrival. On memory alone this node's own count is the stamp.
        var stamp = _stamps is null ? _groups.Counter : await _stamps.GetAsync(scope, life).ConfigureAwait(false);

        // What is larger than values may be could not be unpacked again.
        var plan = await PlanLayersAsync(scope, value.Length <= _options.MaximumPayloadBytes ? default : Microsoft.Extensions.Caching.Hybrid.HybridCacheEntryFlags.DisableCompression).ConfigureAwait(false);
        if (plan.IsWithheld || (_stamps is not null && stamp == 0))
        {
            return null;
        }

        var now = _clock.UtcNowMilliseconds;
        var header = new EntryHeader
        {
            PhysicalKey = physicalKey,
            Id = RandomId.Next(),
            Created = now,
            Expires = EngineClock.AddSaturating(now, life),
            ScopeStamp = stamp,
            Tags = [],
            Terms = new StoredTerms(0, 0, EngineClock.Milliseconds(sliding), null),
        };
        if (value.IsSingleSegment)
        {
            return TrySeal(value.First.Span, header, plan);
        }

        using var joined = new PayloadWriter(long.MaxValue);
        foreach (var segment in value)
        {
            joined.Write(segment.Span);
        }

        return TrySeal(joined.WrittenSpan, header, plan);
    }

    /// <summary>The bytes that were sealed for this key, or null if they are not to be used. Bytes without a header are given as they are, where unencrypted ones are accepted.</summary>
    public async ValueTask<StoredPayload?> UnsealAsync(ScopeState scope, string physicalKey, ReadOnlyMemory<byte> stored)
    {
        var rules = scope.Defaults.Layers;
        if (!EntryPayload.HasHeader(stored.Span))
        {
            if (rules.Accept(default))
            {
                return new StoredPayload(stored, null);
            }

            Reject(PayloadFault.NotEncrypted);
            return null;
        }

        var fault = EntryPayload.TryRead(stored, physicalKey, out var header, out var value);
        if (fault != PayloadFault.None)
        {
            Reject(fault);
            return null;
        }

        if (!await IsStampedAsync(scope, header).ConfigureAwait(false))
        {
            return null;
        }

        (fault, var opened) = await _layers.OpenAsync(scope.Scope, rules, header, stored, value).ConfigureAwait(false);
        if (fault != PayloadFault.None)
        {
            Reject(fault);
            return null;
        }

        return opened;
    }

    private async ValueTask<bool> IsStampedAsync(ScopeState scope, EntryHeader header)
    {
        if (_stamps is null)
        {
            return scope.Generation <= header.ScopeStamp;
        }

        var server = ReadableServer;
        if (server is null)
        {
            return false;
        }

        // Bytes that slide live as long as they are read, and so must the stamps.
        var stamp = await _stamps.GetAsync(scope, EngineClock.Span(header.Terms.SlidingWindow)).ConfigureAwait(false);
        return (stamp == header.ScopeStamp
                || (await _stamps.QuestionAsync(scope.Levels).ConfigureAwait(false) && await _stamps.GetAsync(scope, TimeSpan.Zero).ConfigureAwait(false) == header.ScopeStamp))
            && IsReadable(server);
    }

    private PayloadWriter? TrySeal(ReadOnlySpan<byte> value, in EntryHeader header, in LayerPlan plan)
    {
        try
        {
            return PayloadLayers.Wrap(value, header, plan);
        }
        catch (Exception exception)
        {
            Withhold(exception);
            return null;
        }
    }
}
