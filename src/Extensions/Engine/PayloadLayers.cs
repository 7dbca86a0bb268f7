using System.Buffers;
using Larder.Compression;
using Larder.Encryption;

namespace Larder.Engine;

/// <summary>Wraps values on their way to the second level, and unwraps them: first compressed, then encrypted. What is encrypted cannot be compressed.</summary>
/// <remarks>The header's flags say what was done, so a reader needs no setting for what it reads, other than whether it accepts what is not encrypted.</remarks>
internal sealed class PayloadLayers(LarderOptions options, KeySource? keys)
{
    public KeySource? Keys => keys;

    /// <summary>What new values are to be wrapped in.</summary>
    /// <param name="scope">Whose values.</param>
    /// <param name="rules">What holds for their namespace.</param>
    /// <param name="compresses">Whether the call leaves compression on.</param>
    public ValueTask<LayerPlan> PlanAsync(CacheScope scope, LayerRules rules, bool compresses)
    {
        var plan = new LayerPlan(compresses ? rules.Compression : CacheCompression.None, rules.CompressionThreshold);
        return rules.Encrypts ? EncryptAsync(scope, plan) : new(plan);
    }

    /// <summary>A payload of the value as its serializer wrote it, behind its header.</summary>
    public static PayloadWriter Wrap(ReadOnlySpan<byte> value, in EntryHeader header, in LayerPlan plan)
    {
        using var compressed = plan.Compression != CacheCompression.None && value.Length >= plan.CompressionThreshold ? Compressor.TryCompress(value, plan.Compression) : null;
        var data = compressed is null ? value : compressed.WrittenSpan;
        var target = new PayloadWriter(long.MaxValue);
        try
        {
            EntryPayload.WriteHeader(target, header with
            {
                Layers = (compressed is null ? PayloadLayer.None : PayloadLayer.Compressed) | (plan.Key is null ? PayloadLayer.None : PayloadLayer.Encrypted),
            });
            var headerLength = target.Length;
            if (plan.Key is { } key)
            {
                EntryCipher.Seal(target, data, header.PhysicalKey, key);
            }
            else
            {
                target.Write(data);
            }

            EntryPayload.Seal(target.WrittenSpan, headerLength);
            return target;
        }
        catch
        {
            target.Dispose();
            throw;
        }
    }

    /// <summary>The value as its serializer wrote it, or why it is not to be used. Never throws.</summary>
    /// <param name="scope">Whose value it is.</param>
    /// <param name="rules">What holds for its namespace.</param>
    /// <param name="header">Its header.</param>
    /// <param name="stored">All that was stored.</param>
    /// <param name="value">The part of it that stands behind the header.</param>
    public ValueTask<(PayloadFault Fault, StoredPayload Opened)> OpenAsync(CacheScope scope, LayerRules rules, in EntryHeader header, ReadOnlyMemory<byte> stored, ReadOnlyMemory<byte> value)
    {
        if ((header.Layers & PayloadLayer.Encrypted) != 0)
        {
            return DecryptAsync(scope, header, stored[..^value.Length], value);
        }

        return new(rules.Accept(header) ? Decompress(header, new StoredPayload(value, null)) : (PayloadFault.NotEncrypted, default));
    }

    private async ValueTask<LayerPlan> EncryptAsync(CacheScope scope, LayerPlan plan)
    {
        var key = keys is null ? null : await keys.CurrentAsync(scope).ConfigureAwait(false);
        return plan with { Key = key, IsWithheld = key is null };
    }

    private async ValueTask<(PayloadFault Fault, StoredPayload Opened)> DecryptAsync(CacheScope scope, EntryHeader header, ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> value)
    {
        if (keys is null || EntryCipher.KeyId(value.Span) is not { } id)
        {
            return (PayloadFault.UnknownKey, default);
        }

        var answer = await keys.FindAsync(scope, id).ConfigureAwait(false);
        if (!answer.Succeeded)
        {
            return (PayloadFault.NoKey, default);
        }

        if (answer.Value is not { } key)
        {
            return (PayloadFault.UnknownKey, default);
        }

        try
        {
            return EntryCipher.TryOpen(head.Span, value.Span, header.PhysicalKey, key) is { } data
                ? Decompress(header, new StoredPayload(data.Written, data))
                : (PayloadFault.NotAuthentic, default);
        }
        catch (ObjectDisposedException)
        {
            // The provider has thrown the key away meanwhile.
            return (PayloadFault.UnknownKey, default);
        }
    }

    private (PayloadFault Fault, StoredPayload Opened) Decompress(in EntryHeader header, StoredPayload data)
    {
        if ((header.Layers & PayloadLayer.Compressed) == 0)
        {
            return (PayloadFault.None, data);
        }

        using (data)
        {
            return Compressor.TryDecompress(data.Data, options.MaximumPayloadBytes, out var value) ? (PayloadFault.None, new StoredPayload(value.Written, value)) : (PayloadFault.Compression, default);
        }
    }
}

/// <summary>What a value is to be wrapped in; nothing by default.</summary>
/// <param name="Compression">How it is compressed.</param>
/// <param name="CompressionThreshold">From how many bytes on.</param>
/// <param name="Key">What it is encrypted with; null for not at all.</param>
/// <param name="IsWithheld">It must be encrypted and no key can be had, so it must not be stored.</param>
internal readonly record struct LayerPlan(CacheCompression Compression, int CompressionThreshold, CacheEncryptionKey? Key = null, bool IsWithheld = false)
{
    public bool HasLayers => Compression != CacheCompression.None || Key is not null;
}
