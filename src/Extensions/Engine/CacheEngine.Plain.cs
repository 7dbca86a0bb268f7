using System.Text;

namespace Larder.Engine;

/// <remarks>Shows an operator the bytes of a value whose type nobody here knows. It changes nothing and does not count as a read.</remarks>
internal sealed partial class CacheEngine
{
    /// <summary>A value as its serializer wrote it, decrypted and unpacked; null where no read would find one, or it is in memory alone and has no such form.</summary>
    /// <exception cref="SecondLevelException">The second level did not answer.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadPlainAsync(ScopeState scope, string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_memory.TryGet(scope, key, out var entry) && await IsServableAsync(entry).ConfigureAwait(false) && Plain(entry) is { } held)
        {
            return held;
        }

        return _second is null ? null : await ReadPlainPayloadAsync(scope, scope.PhysicalKey(key)).ConfigureAwait(false);
    }

    private ReadOnlyMemory<byte>? Plain(MemoryEntry entry) => entry switch
    {
        ValueEntry<string> { Value: { } text } => Encoding.UTF8.GetBytes(text),
        SerializedEntry<byte[]> bytes => bytes.Payload,
        _ => entry.ToJson(_serializers),
    };

    private async ValueTask<ReadOnlyMemory<byte>?> ReadPlainPayloadAsync(ScopeState scope, string physicalKey)
    {
        if (_second!.RefusesRead() || MustReapply)
        {
            throw new SecondLevelException("The value could not be read, because the second level does not answer.", _second.LastFailure);
        }

        var answer = await _second.GetAsync(physicalKey, default).ConfigureAwait(false);
        using var stored = answer.Value;
        if (!answer.Succeeded)
        {
            throw new SecondLevelException("The value could not be read, because the second level did not answer.", answer.Failure);
        }

        if (!stored.Exists
            || EntryPayload.TryRead(stored.Data, physicalKey, out var header, out var payload) != PayloadFault.None
            || header.IsNotFound || !IsInTime(header) || !await IsCurrentAsync(scope, header).ConfigureAwait(false))
        {
            return null;
        }

        var (fault, opened) = await _layers.OpenAsync(scope.Scope, scope.Defaults.Layers, header, stored.Data, payload).ConfigureAwait(false);
        using var owner = opened;
        return fault == PayloadFault.None ? opened.Data.ToArray() : null;
    }
}
