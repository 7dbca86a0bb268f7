using System.Buffers;
using System.Globalization;
using System.Text;

namespace Larder.Keys;

/// <remarks>The text as it grows.</remarks>
internal sealed partial class KeyText
{
    /// <summary>Beyond this many characters a value is refused: most likely it has no end.</summary>
    internal const int MaximumLength = 16 * 1024 * 1024;

    private static readonly SearchValues<char> NeedsEscape = SearchValues.Create(Escaped());

    private char[] _buffer = new char[512];
    private int _length;

    private void Separate(int index)
    {
        if (index > 0)
        {
            Append(",");
        }
    }

    private void WriteFormatted<T>(string tag, T value, string format)
        where T : ISpanFormattable
    {
        Append(tag);
        Append("'");
        Format(value, format);
        Append("'");
    }

    private void Format<T>(T value, string? format = null)
        where T : ISpanFormattable
    {
        Reserve(64);
        if (!value.TryFormat(_buffer.AsSpan(_length), out var written, format, CultureInfo.InvariantCulture))
        {
            throw new InvalidOperationException($"{typeof(T)} does not fit 64 characters.");
        }

        _length += written;
    }

    private void AppendText(ReadOnlySpan<char> text)
    {
        Append("'");
        while (text.IndexOfAny(NeedsEscape) is >= 0 and var at)
        {
            Append(text[..at]);
            var c = text[at];
            var length = 1;
            if (c is '\'' or '\\')
            {
                Append("\\");
                Append([c]);
            }
            else if (char.IsHighSurrogate(c) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]))
            {
                length = 2;
                Append(text.Slice(at, length));
            }
            else
            {
                Append("\\u");
                Format((int)c, "X4");
            }

            text = text[(at + length)..];
        }

        Append(text);
        Append("'");
    }

    private void Append(ReadOnlySpan<char> text)
    {
        Reserve(text.Length);
        text.CopyTo(_buffer.AsSpan(_length));
        _length += text.Length;
    }

    private void Reserve(int more)
    {
        if (_length + more > MaximumLength)
        {
            throw new ArgumentException($"No key can be made: it would be longer than {MaximumLength} characters at {Path()}.");
        }

        if (_length + more > _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + more));
        }
    }

    private static string Escaped()
    {
        var characters = new StringBuilder("'\\");
        for (var c = '\0'; c < char.MaxValue; c++)
        {
            if (char.IsControl(c) || char.IsSurrogate(c))
            {
                characters.Append(c);
            }
        }

        return characters.ToString();
    }
}
