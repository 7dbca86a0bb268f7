namespace Larder.Engine;

/// <summary>A change of an entry that depends on what it is. One is made per call; it may be asked several times, each time about what the entry then is.</summary>
internal abstract class EntryUpdate
{
    /// <summary>The entry's life from now on; null to leave its end as it is.</summary>
    public TimeSpan? Expiration { get; init; }

    /// <summary>Whether the new value is null.</summary>
    public abstract bool IsNull { get; }

    /// <summary>Works out the change of an entry that memory holds. False if it is not of the type that is to be changed.</summary>
    public abstract bool TryApply(MemoryEntry entry);

    /// <summary>The same for one that the second level holds, with its value as its serializer wrote it.</summary>
    public abstract bool TryApply(in EntryHeader header, ReadOnlyMemory<byte> payload);

    /// <summary>The changed entry where memory is all there is. Null if it cannot be kept.</summary>
    public abstract MemoryEntry? ToEntry(MemoryEntry before, Func<int, EntryMetadata> metadata);

    /// <summary>The changed entry as the second level gets it. Null if it cannot be stored.</summary>
    public abstract SerializedPayload? Serialize(in EntryHeader header, in LayerPlan plan);

    /// <summary>What memory may keep of what <see cref="Serialize"/> has written; null if the type of the value is not known.</summary>
    public abstract MemoryEntry? ToEntry(SerializedPayload written, Func<int, EntryMetadata> metadata);
}
