namespace Larder.Tags;

/// <summary>What callers give as tags, checked.</summary>
internal static class TagNames
{
    /// <summary>The tag that means everything in the scope; it can be removed but not given to an entry.</summary>
    public const string Everything = "*";

    /// <summary>Tags are stored with their length in two bytes.</summary>
    public const int MaximumLength = 16_384;

    public const int MaximumCount = 1_024;

    /// <summary>The tags, each once, or null for none.</summary>
    /// <exception cref="ArgumentException">A tag is null, empty, white space, too long or reserved, or there are too many.</exception>
    public static string[]? Normalize(IEnumerable<string>? tags)
    {
        if (tags is null || (tags is ICollection<string> { Count: 0 }))
        {
            return null;
        }

        var names = new List<string>(tags is ICollection<string> collection ? collection.Count : 4);
        foreach (var tag in tags)
        {
            Check(tag);
            if (tag == Everything)
            {
                throw new ArgumentException("The tag '*' stands for everything and cannot be given to an entry; it can only be removed.", nameof(tags));
            }

            // Few tags a call: looking through the list is faster than a set.
            if (!names.Contains(tag))
            {
                names.Add(tag);
            }
        }

        if (names.Count > MaximumCount)
        {
            throw new ArgumentException($"{names.Count} tags were given; an entry can have {MaximumCount}.", nameof(tags));
        }

        return names.Count == 0 ? null : [.. names];
    }

    /// <exception cref="ArgumentException">The tag is null, empty, white space or too long.</exception>
    public static void Check(string? tag)
    {
        if (string.IsNullOrWhiteSpace(tag))
        {
            throw new ArgumentException($"A tag cannot be {(tag is null ? "null" : $"'{tag}'")}: give it at least one character that is not white space.", nameof(tag));
        }

        if (tag.Length > MaximumLength)
        {
            throw new ArgumentException($"The tag '{tag[..40]}…' is {tag.Length} characters long; a tag can have {MaximumLength}.", nameof(tag));
        }
    }
}
