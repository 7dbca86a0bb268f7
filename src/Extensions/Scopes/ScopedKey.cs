using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Larder.Scopes;

/// <summary>
/// The only place where a scope and a key are joined into the text that the second level knows.
/// </summary>
/// <remarks>
/// <para>The layout is <c>{prefix}:{version}:{tenant}:{project}:{namespace}:{key}</c>, for example
/// <c>shop:v1:t.acme:p.web:n.users:user:42</c>. It is injective, so no two different tuples meet:</para>
/// <list type="bullet">
/// <item>the first five parts cannot contain the separator, because escaping removes it, so the text splits in one way;
/// the key comes last and may contain it;</item>
/// <item>an absent part is its letter alone, a present one has a dot behind the letter, so absent, empty and
/// "named like the placeholder" differ;</item>
/// <item>the escape character is escaped itself, and every escape is of fixed length for its kind. Braces are
/// escaped, so a caller cannot choose a cluster slot; so are control characters, and lone surrogates, which UTF-8 would
/// otherwise turn into the same replacement character;</item>
/// <item>a part that is too long for a key is replaced by <c>#</c> and its SHA-256. A literal <c>#</c> in front is escaped.
/// Such parts differ up to a collision of SHA-256.</item>
/// </list>
/// </remarks>
internal static class ScopedKey
{
    /// <summary>Beyond this many characters (after escaping) a scope's part is hashed.</summary>
    internal const int MaximumPartLength = 128;

    /// <summary>Beyond this many characters (after escaping) a key is hashed.</summary>
    internal const int MaximumKeyLength = 1024;

    /// <summary>
    /// Stands in front of the keys of a scope's pages, and of the names of their index sets. Escaping leaves no such text in either: what follows its
    /// percent sign is a hexadecimal digit or a u.
    /// </summary>
    internal const string PageSpace = "%page";

    private static readonly SearchValues<char> PartNeedsEscape = SearchValues.Create(Unsafe(forKey: false));
    private static readonly SearchValues<char> KeyNeedsEscape = SearchValues.Create(Unsafe(forKey: true));

    /// <summary>What precedes everything this application stores: <c>{prefix}:{version}:</c>.</summary>
    public static string ApplicationPrefix(string prefix, string version) => $"{Part(prefix)}:{Part(version)}:";

    /// <summary>The scope's own text, without the application's prefix and without a separator at its end.</summary>
    public static string ScopeId(CacheScope scope) => $"{ProjectId(scope)}:{Level('n', scope.Namespace)}";

    /// <summary>The text of the scope's tenant.</summary>
    public static string TenantId(CacheScope scope) => Level('t', scope.Tenant);

    /// <summary>The text of the scope's tenant and project.</summary>
    public static string ProjectId(CacheScope scope) => $"{TenantId(scope)}:{Level('p', scope.Project)}";

    /// <summary>Whether an id is that of a scope's pages.</summary>
    public static bool IsPages(string id) => id.EndsWith(PageSpace, StringComparison.Ordinal);

    /// <summary>A key, escaped, as the last part of a physical key.</summary>
    public static string Key(ReadOnlySpan<char> key) => Escape(key, KeyNeedsEscape, MaximumKeyLength);

    /// <summary>What the last part of each physical key begins with whose key begins with <paramref name="start"/>, unless it is hashed.</summary>
    public static string KeyStart(ReadOnlySpan<char> start)
    {
        // The other half of a pair may follow, and the two are written as they are.
        start = start.IsEmpty || !char.IsHighSurrogate(start[^1]) ? start : start[..^1];
        return Escape(start, KeyNeedsEscape, int.MaxValue);
    }

    /// <summary>Whether a part is the hash of a text too long to be written.</summary>
    public static bool IsHashed(ReadOnlySpan<char> part) => !part.IsEmpty && part[0] == '#';

    /// <summary>The key whose escaped text this is, if it is one: the inverse of <see cref="Key"/> where that does not hash.</summary>
    public static bool TryReadKey(ReadOnlySpan<char> escaped, [NotNullWhen(true)] out string? key)
    {
        // One key has one text: what would be written otherwise was not written by us.
        key = Unescape(escaped) is { } read && !IsHashed(escaped) && escaped.SequenceEqual(Key(read)) ? read : null;
        return key is not null;
    }

    /// <summary>
    /// The scope, project or tenant of an id (see <see cref="ScopeId"/>, <see cref="ProjectId"/>, <see cref="TenantId"/>); what the id leaves out is absent. A part that is hashed is
    /// given as its hash.
    /// </summary>
    public static bool TryReadScope(string id, [NotNullWhen(true)] out CacheScope? scope)
    {
        scope = null;
        var parts = id.Split(':');
        var names = new string?[3];
        if (parts.Length > names.Length)
        {
            return false;
        }

        for (var i = 0; i < parts.Length; i++)
        {
            var part = parts[i].AsSpan();
            if (part.IsEmpty || part[0] != "tpn"[i] || (part.Length > 1 && part[1] != '.'))
            {
                return false;
            }

            if (part.Length > 1)
            {
                names[i] = IsHashed(part[2..]) ? part[2..].ToString() : Unescape(part[2..]);
                if (names[i] is not { } name || (!IsHashed(part[2..]) && !part[2..].SequenceEqual(Part(name))))
                {
                    return false;
                }
            }
        }

        scope = new CacheScope(names[0], names[1], names[2]);
        return true;
    }

    private static string? Unescape(ReadOnlySpan<char> escaped)
    {
        var result = new StringBuilder(escaped.Length);
        for (var i = 0; i < escaped.Length; i++)
        {
            if (escaped[i] != '%')
            {
                result.Append(escaped[i]);
                continue;
            }

            var (skip, digits) = i + 1 < escaped.Length && escaped[i + 1] == 'u' ? (2, 4) : (1, 2);
            if (i + skip + digits > escaped.Length || !ushort.TryParse(escaped.Slice(i + skip, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var c))
            {
                return null;
            }

            result.Append((char)c);
            i += skip + digits - 1;
        }

        return result.ToString();
    }

    /// <summary>An index, without the application's prefix. No scope begins with its letter.</summary>
    public static string Index(string scopeId, CacheIndex index) => $"i:{scopeId}:{Part(index.Name)}:{Key(index.Value)}";

    /// <summary>What an <c>IDistributedCache</c> keeps, without the application's prefix. No scope begins with its letter, so it meets no entry of the engine in the same store.</summary>
    public static string Distributed(string scopeId, ReadOnlySpan<char> key) => $"d:{scopeId}:{Key(key)}";

    private static string Level(char letter, string? name) => name is null ? letter.ToString() : $"{letter}.{Part(name)}";

    private static string Part(string text) => Escape(text, PartNeedsEscape, MaximumPartLength);

    private static string Escape(ReadOnlySpan<char> text, SearchValues<char> unsafeCharacters, int maximum)
    {
        if (text.Length <= maximum && (text.IsEmpty || text[0] != '#') && text.IndexOfAny(unsafeCharacters) < 0)
        {
            return text.ToString();
        }

        var result = new StringBuilder(text.Length + 16);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                result.Append(c).Append(text[++i]);
            }
            else if (char.IsSurrogate(c))
            {
                result.Append("%u").Append(((int)c).ToString("X4", null));
            }
            else if (unsafeCharacters.Contains(c) || (c == '#' && i == 0))
            {
                result.Append('%').Append(((int)c).ToString("X2", null));
            }
            else
            {
                result.Append(c);
            }
        }

        return result.Length <= maximum ? result.ToString() : Hash(result.ToString());
    }

    private static string Hash(string escaped) => "#" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(escaped)));

    // Controls up to U+009F, the escape character, braces, all surrogates (looked at more closely above), and for
    // everything but the key itself the separator.
    private static string Unsafe(bool forKey)
    {
        var characters = new StringBuilder("%{}");
        if (!forKey)
        {
            characters.Append(':');
        }

        for (var c = '\0'; c < ' '; c++)
        {
            characters.Append(c);
        }

        for (var c = '\x7F'; c <= '\x9F'; c++)
        {
            characters.Append(c);
        }

        for (var c = '\uD800'; c <= '\uDFFF'; c++)
        {
            characters.Append(c);
        }

        return characters.ToString();
    }
}
