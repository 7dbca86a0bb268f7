namespace Larder;

/// <summary>One of the sets an entry belongs to: all entries of a scope that were given the same name and value.</summary>
/// <param name="Name">What the set is about, such as <c>user</c>. Not empty, at most 256 characters.</param>
/// <param name="Value">Whose it is, such as <c>alice</c>. Any text of at most 4,096 characters.</param>
public readonly record struct CacheIndex(string Name, string Value)
{
    internal const int MaximumNameLength = 256;
    internal const int MaximumValueLength = 4_096;
    internal const int MaximumCount = 64;

    /// <summary>The indexes, each once, or null for none.</summary>
    /// <exception cref="ArgumentException">One has no name or no value, or is too long, or there are too many.</exception>
    internal static CacheIndex[]? Normalize(IEnumerable<CacheIndex>? indexes)
    {
        if (indexes is null)
        {
            return null;
        }

        var distinct = indexes.Distinct().ToArray();
        foreach (var index in distinct)
        {
            index.ThrowIfInvalid();
        }

        return distinct.Length <= MaximumCount
            ? distinct.Length == 0 ? null : distinct
            : throw new ArgumentException($"{distinct.Length} indexes were given; an entry can have {MaximumCount}.", nameof(indexes));
    }

    internal void ThrowIfInvalid()
    {
        if (string.IsNullOrWhiteSpace(Name) || Name.Length > MaximumNameLength)
        {
            throw new ArgumentException($"The name of an index cannot be {(Name is null ? "null" : $"'{Shorten(Name)}'")}: give it 1 to {MaximumNameLength} characters that are not all white space.", nameof(Name));
        }

        if (Value is null || Value.Length > MaximumValueLength)
        {
            throw new ArgumentException($"The value of the index '{Name}' cannot be {(Value is null ? "null" : $"'{Shorten(Value)}'")}: give it text of at most {MaximumValueLength} characters.", nameof(Value));
        }
    }

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
