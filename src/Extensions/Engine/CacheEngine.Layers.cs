using Larder.Diagnostics;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <remarks>A value on its way from its serializer to the second level.</remarks>
internal sealed partial class CacheEngine
{
    /// <summary>What values of the scope are to be wrapped in now. If that says that they are withheld, it is counted and logged here.</summary>
    private async ValueTask<LayerPlan> PlanLayersAsync(ScopeState scope, HybridCacheEntryFlags flags)
    {
        var plan = await _layers.PlanAsync(scope.Scope, scope.Defaults.Layers, (flags & HybridCacheEntryFlags.DisableCompression) == 0).ConfigureAwait(false);
        if (plan.IsWithheld)
        {
            Withhold(_layers.Keys?.Guard.LastFailure);
        }

        return plan;
    }

    /// <summary>The same for a value that may be larger than <see cref="LarderOptions.MaximumPayloadBytes"/>, up to which values are expanded again.</summary>
    private ValueTask<LayerPlan> PlanLayersAsync<T>(ScopeState scope, T value, HybridCacheEntryFlags flags) =>
        PlanLayersAsync(scope, value is IMeasured { Size: var size } && size > _options.MaximumPayloadBytes ? flags | HybridCacheEntryFlags.DisableCompression : flags);

    /// <summary>The value as its serializer writes it. Null if it is too large or its serializer fails; both are logged.</summary>
    private PayloadWriter? TrySerialize<T>(T value)
    {
        var writer = new PayloadWriter(long.MaxValue);
        if (TrySerialize(value, writer, header: null))
        {
            return writer;
        }

        writer.Dispose();
        return null;
    }

    /// <summary>The value behind a header, wrapped as planned. Null if it is too large, or its serializer or its encryption fails; all are logged.</summary>
    private SerializedPayload? TrySerialize<T>(T value, in EntryHeader header, in LayerPlan plan)
    {
        if (plan.HasLayers)
        {
            return TrySerialize(value) is { } plain ? TryWrap(plain, header, plan) : null;
        }

        var writer = new PayloadWriter(long.MaxValue);
        if (!TrySerialize(value, writer, header))
        {
            writer.Dispose();
            return null;
        }

        var headerLength = EntryPayload.LengthOf(header);
        EntryPayload.Seal(writer.WrittenSpan, headerLength);
        return new SerializedPayload(writer, null, headerLength);
    }

    private SerializedPayload? TryWrap(PayloadWriter plain, in EntryHeader header, in LayerPlan plan)
    {
        try
        {
            return new SerializedPayload(PayloadLayers.Wrap(plain.WrittenSpan, header, plan), plain, EntryPayload.LengthOf(header));
        }
        catch (Exception exception)
        {
            // A key that was disposed of, or a platform without the cipher.
            Withhold(exception);
            plain.Dispose();
            return null;
        }
    }

    private bool TrySerialize<T>(T value, PayloadWriter writer, EntryHeader? header)
    {
        try
        {
            if (header is { } known)
            {
                EntryPayload.WriteHeader(writer, known);
            }

            writer.Limit = Math.Max(_options.MaximumPayloadBytes, value is IMeasured measured ? measured.Size : 0) + writer.Length;
            if (value is not null)
            {
                _serializers.Get<T>().Serialize(value, writer);
            }

            return true;
        }
        catch (PayloadTooLargeException)
        {
            LogValueTooLarge<T>();
            _metrics.Unstored.Add(1, LarderMetrics.Tag(AttributeNames.Reason, "too_large"));
        }
        catch (Exception exception)
        {
            LogSerializerFailed<T>(exception);
            _metrics.Unstored.Add(1, LarderMetrics.Tag(AttributeNames.Reason, "serializer"));
        }

        return false;
    }

    private void Withhold(Exception? cause)
    {
        LogNoKey(cause);
        _metrics.Unstored.Add(1, LarderMetrics.Tag(AttributeNames.Reason, "no_key"));
    }
}
