namespace Larder;

/// <summary>What one read of a <see cref="CacheResource{TId}"/> wants.</summary>
public sealed class ResourceReadOptions
{
    /// <summary>How long the entry lives, and what else a call can say. Default: the resource's.</summary>
    public CacheEntryPolicy? Policy { get; init; }

    /// <summary>
    /// What the result depends on besides the id: a page, a role, a language. It becomes part of the key. Simple values, enums, tuples, dictionaries and sequences of these;
    /// see <see cref="CacheKey.FromParts"/>. Default none.
    /// </summary>
    public IReadOnlyList<object?> Parameters { get; init; } = [];

    /// <summary>Further tags, for example <see cref="CacheResource{TId}.TagOf"/> of other resources that the result shows. Default none.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];
}
