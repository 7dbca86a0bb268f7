using System.Diagnostics.CodeAnalysis;

namespace Larder.Admin;

/// <summary>Which keys of a scope are meant: those with a prefix, or those that fit a pattern of <c>*</c> (any text) and <c>?</c> (one character).</summary>
/// <remarks>It is matched against the key as callers give it, never against a text that holds a scope, so it cannot reach beyond the scope it is used in.</remarks>
internal sealed class KeyPattern
{
    public const int MaximumLength = 4_096;

    private readonly string _text;
    private readonly bool _isPrefix;

    private KeyPattern(string text, bool isPrefix)
    {
        _text = text;
        _isPrefix = isPrefix;
        var wildcard = isPrefix ? -1 : text.AsSpan().IndexOfAny('*', '?');
        Start = wildcard < 0 ? text : text[..wildcard];
    }

    /// <summary>What each key it matches begins with.</summary>
    public string Start { get; }

    public bool MatchesEverything => !_isPrefix && _text.AsSpan().TrimStart('*').IsEmpty;

    /// <exception cref="ArgumentException">The pattern is empty or too long.</exception>
    public static KeyPattern Parse(string pattern)
    {
        Check(pattern, nameof(pattern), "Give '*' for all keys");
        return new KeyPattern(pattern, isPrefix: false);
    }

    /// <exception cref="ArgumentException">The prefix is empty or too long.</exception>
    public static KeyPattern Prefix(string prefix)
    {
        Check(prefix, nameof(prefix), "An empty one would mean all keys: use ClearNamespaceAsync for that");
        return new KeyPattern(prefix, isPrefix: true);
    }

    /// <summary>As messages between nodes carry it.</summary>
    public string Encode() => (_isPrefix ? 'p' : 'g') + _text;

    public static bool TryDecode(string encoded, [NotNullWhen(true)] out KeyPattern? pattern)
    {
        pattern = encoded.Length is > 1 and <= MaximumLength + 1 && encoded[0] is 'p' or 'g' ? new KeyPattern(encoded[1..], encoded[0] == 'p') : null;
        return pattern is not null;
    }

    public override string ToString() => _isPrefix ? _text + "*" : _text;

    public bool Matches(ReadOnlySpan<char> key)
    {
        if (_isPrefix)
        {
            return key.StartsWith(_text, StringComparison.Ordinal);
        }

        // Greedy, going back to the last '*' only: what an earlier one could take instead, the last one can take too.
        var (k, p, star, resume) = (0, 0, -1, 0);
        while (k < key.Length)
        {
            if (p < _text.Length && _text[p] == '*')
            {
                star = p++;
                resume = k;
            }
            else if (p < _text.Length && (_text[p] == '?' || _text[p] == key[k]))
            {
                p++;
                k++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                k = ++resume;
            }
            else
            {
                return false;
            }
        }

        return _text.AsSpan(p).TrimStart('*').IsEmpty;
    }

    private static void Check(string text, string name, string empty)
    {
        ArgumentNullException.ThrowIfNull(text, name);
        if (text.Length == 0)
        {
            throw new ArgumentException($"The {name} is ''. {empty}.", name);
        }

        if (text.Length > MaximumLength)
        {
            throw new ArgumentException($"The {name} '{text[..40]}…' is {text.Length} characters long; it can have {MaximumLength}.", name);
        }
    }
}
