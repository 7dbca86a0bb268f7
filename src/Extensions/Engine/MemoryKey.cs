namespace Larder.Engine;

/// <summary>
/// Key of the memory level: a scope's state, by reference, and the caller's key as given. The two are never joined into
/// one text, so a hit composes and hashes only the caller's part, and no text can reach into another scope.
/// </summary>
internal readonly struct MemoryKey(ScopeState scope, string key)
{
    public readonly ScopeState Scope = scope;
    public readonly string Key = key;
}

/// <summary>The same, not yet a string.</summary>
internal readonly ref struct MemoryKeyView(ScopeState scope, ReadOnlySpan<char> key)
{
    public readonly ScopeState Scope = scope;
    public readonly ReadOnlySpan<char> Key = key;
}

internal sealed class MemoryKeyComparer : IEqualityComparer<MemoryKey>, IAlternateEqualityComparer<MemoryKeyView, MemoryKey>
{
    public static MemoryKeyComparer Instance { get; } = new();

    public bool Equals(MemoryKey x, MemoryKey y) => ReferenceEquals(x.Scope, y.Scope) && string.Equals(x.Key, y.Key, StringComparison.Ordinal);

    public int GetHashCode(MemoryKey key) => (int)KeyHash.Compute(key.Key, key.Scope.HashSeed);

    public bool Equals(MemoryKeyView alternate, MemoryKey other) =>
        ReferenceEquals(alternate.Scope, other.Scope) && alternate.Key.SequenceEqual(other.Key);

    public int GetHashCode(MemoryKeyView alternate) => (int)KeyHash.Compute(alternate.Key, alternate.Scope.HashSeed);

    public MemoryKey Create(MemoryKeyView alternate) => new(alternate.Scope, alternate.Key.ToString());
}
