using System.Buffers;

namespace Larder.Resources;

/// <summary>The names that keys and tags of resources are made of, checked.</summary>
/// <remarks>
/// Without the separator, and without what a template would have, <c>name:read:id</c> splits in one way: the id's text is self-delimiting (see <see cref="CacheKey"/>).
/// </remarks>
internal static class ResourceNames
{
    private const int MaximumLength = 64;

    private static readonly SearchValues<char> Allowed = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <exception cref="ArgumentException">It is empty, too long, or contains something else than letters, digits, '.', '_' and '-'.</exception>
    public static string Check(string name, string parameter)
    {
        ArgumentException.ThrowIfNullOrEmpty(name, parameter);
        if (name.Length > MaximumLength)
        {
            throw new ArgumentException($"'{name[..32]}…' is {name.Length} characters long; it may have {MaximumLength}.", parameter);
        }

        var other = name.AsSpan().IndexOfAnyExcept(Allowed);
        if (other >= 0)
        {
            throw new ArgumentException(
                $"'{name}' contains '{name[other]}'. Use letters, digits, '.', '_' and '-'. "
                + "It is a name and no template: the id is put behind it by itself, and other values that the result depends on go into ResourceReadOptions.Parameters.",
                parameter);
        }

        return name;
    }

    /// <exception cref="ArgumentException">The tag looks like a template, which nobody fills.</exception>
    public static void CheckTag(string tag)
    {
        // Braces in a tag that TagOf has made stand in quotes, because only text can hold them.
        if (tag is not null && tag.Contains('{', StringComparison.Ordinal) && !tag.Contains('\'', StringComparison.Ordinal))
        {
            throw new ArgumentException($"The tag '{tag}' looks like a template, and nothing is put into its braces. Use the TagOf(id) of the resource it means.", nameof(tag));
        }
    }
}
