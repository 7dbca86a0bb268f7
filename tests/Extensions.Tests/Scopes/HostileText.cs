using FsCheck;
using FsCheck.Fluent;
using Larder.Scopes;

namespace Larder.Tests.Scopes;

/// <summary>Texts and tuples that are meant to collide.</summary>
internal static class HostileText
{
    private static readonly string[] Pieces =
    [
        "", ":", "::", "%", "%%", "%3A", "%3a", "%25", "%253A", "%7B", "%23", "%uD800", "{", "}", "{a}", "#", "##", ".", "t", "p", "n", "t.", "p.", "n.",
        "t:p:n", "t.:p.:n.", "s:*", "g:", "*", "a", "A", "b", "ab", "é", "e\u0301", "ü", "ﬁ", "\u212A", "K", "ı", "I", " ", "\0", "\u0001", "\t", "\r\n", "\u001F", "\u007F",
        "\u0080", "\u009F", "\u00A0", "\u200B", "\uFEFF", "\uFFFD", "\uD800", "\uDBFF", "\uDC00", "\uDFFF", "\uD83D\uDE00", "\uDE00\uD83D", ":lease", "}:lease",
        "c:writes", "backplane", new('x', 126), new('x', 127), new('x', 128), new('x', 129), new(':', 43), new(':', 128), new('\uD800', 30),
    ];

    private static readonly Gen<string> Piece = Gen.Frequency(
        (20, Gen.Elements(Pieces)),
        (3, Gen.Choose(0, char.MaxValue).Select(c => ((char)c).ToString())),
        (1, Gen.Elements(new string('k', 1_023), new string('k', 1_024), new string('k', 1_025), new string('y', 10_240), new string(':', 10_240))));

    public static Gen<string> Text { get; } =
        from count in Gen.Frequency((1, Gen.Constant(0)), (6, Gen.Constant(1)), (4, Gen.Constant(2)), (3, Gen.Choose(3, 6)))
        from pieces in Piece.ArrayOf(count)
        select string.Concat(pieces);

    public static Gen<string?> TextOrNull { get; } = Gen.Frequency((1, Gen.Constant<string?>(null)), (5, Text.Select(string? (text) => text)));

    public static Gen<KeyTuple> Tuple { get; } =
        from prefix in Text
        from version in Text
        from tenant in TextOrNull
        from project in TextOrNull
        from name in TextOrNull
        from key in Text
        select new KeyTuple(prefix, version, tenant, project, name, key);

    /// <summary>Two tuples: one and a slightly changed one, or two that have nothing to do with each other.</summary>
    public static Gen<(KeyTuple First, KeyTuple Second)> Pair { get; } =
        from first in Tuple
        from second in Gen.Frequency((1, Tuple), (9, Mutated(first)), (4, Mutated(first).SelectMany(Mutated)))
        select (first, second);

    private static Gen<KeyTuple> Mutated(KeyTuple tuple) =>
        from kind in Gen.Choose(0, 12)
        from at in Gen.Choose(0, 5)
        from position in Gen.Choose(0, 1_000_000)
        from piece in Piece
        select KeyTuple.Of(Mutate(tuple.Parts, kind, at, position, piece));

    private static string?[] Mutate(string?[] parts, int kind, int at, int position, string piece)
    {
        var next = (at + 1) % 6;
        var text = parts[at] ?? "";
        var cut = text.Length == 0 ? 0 : position % text.Length;
        switch (kind)
        {
            case 0:
                // A delimiter and what follows it moves on to the next part.
                (parts[at], parts[next]) = (text[..cut], text[cut..] + parts[next]);
                break;
            case 1:
                (parts[at], parts[next]) = (text + ":" + parts[next], "");
                break;
            case 2:
                (parts[at], parts[next]) = (parts[next], parts[at]);
                break;
            case 3:
                parts[at] = parts[at] switch { null => "", "" => null, _ => null };
                break;
            case 4:
                parts[at] = Placeholder(at) + (position % 2 == 0 ? "" : ".");
                break;
            case 5:
                parts[at] = text.Replace(":", "%3A", StringComparison.Ordinal).Replace("{", "%7B", StringComparison.Ordinal);
                break;
            case 6:
                parts[at] = text.Replace("%3A", ":", StringComparison.Ordinal).Replace("%25", "%", StringComparison.Ordinal);
                break;
            case 7:
                // What the part looks like once it is escaped, or hashed.
                parts[at] = ScopedKey.ApplicationPrefix(text, "")[..^2];
                break;
            case 8:
                parts[at] = ScopedKey.Key(text);
                break;
            case 9:
                parts[at] = text[..cut] + piece + text[cut..];
                break;
            case 10:
                parts[at] = text.Length == 0 ? piece : text.Remove(cut, 1);
                break;
            case 11:
                parts[at] = text.Length == 0 ? "\uFFFD" : text[..cut] + "\uFFFD" + text[(cut + 1)..];
                break;
            default:
                parts[at] = text.Length == 0 ? " " : text[..cut] + Flip(text[cut]) + text[(cut + 1)..];
                break;
        }

        return parts;
    }

    private static string Placeholder(int at) => at switch { 2 => "t", 3 => "p", 4 => "n", _ => "s" };

    private static char Flip(char c) => char.IsUpper(c) ? char.ToLowerInvariant(c) : char.IsLower(c) ? char.ToUpperInvariant(c) : (char)(c ^ 1);
}
