using Larder.Engine;
using Larder.Tags;

namespace Larder.Tests.Engine;

/// <summary>Entries of the memory level, for tests of what keeps them.</summary>
internal static class Entries
{
    public static MemoryEntry Create(ScopeState scope, string key, int size = 200, long expiresAt = long.MaxValue, long generation = long.MaxValue, Group[]? tags = null) =>
        new ValueEntry<string>(
            new EntryMetadata
            {
                Scope = scope,
                Key = key,
                Generation = generation,
                ServeUntil = expiresAt,
                VerifiedAt = 0,
                FreshUntil = expiresAt,
                CreatedAtUtc = 0,
                Size = size,
                Tags = tags,
            },
            key);
}
