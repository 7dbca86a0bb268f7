using System.Text;
using System.Text.Unicode;

namespace Larder.Http;

/// <summary>Reads what the middleware has written: numbers of seven bits a byte, texts with their length or as their place in a list. It reads nothing beyond the end.</summary>
/// <param name="content">What it was written to.</param>
/// <param name="common">The list (see <see cref="FrameworkInternals.CommonTexts"/>).</param>
internal ref struct ContentReader(ReadOnlySpan<byte> content, ReadOnlySpan<string> common)
{
    private readonly ReadOnlySpan<string> _common = common;
    private ReadOnlySpan<byte> _rest = content;

    /// <summary>How many bytes are left.</summary>
    public readonly int Left => _rest.Length;

    /// <summary>A number that is not negative and not too large for an <see cref="int"/>.</summary>
    public bool TryReadNumber(out int number)
    {
        number = 0;
        for (var i = 0; i < _rest.Length && i < 5; i++)
        {
            // Three bits are left for the fifth part.
            if (i == 4 && _rest[i] > 7)
            {
                return false;
            }

            number |= (_rest[i] & 0x7F) << (7 * i);
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return true;
            }
        }

        return false;
    }

    public bool TryReadText(out string text)
    {
        text = "";
        if (!TryReadNumber(out var lengthOrPlace))
        {
            return false;
        }

        var value = lengthOrPlace >> 1;
        if ((lengthOrPlace & 1) != 0)
        {
            text = value < _common.Length ? _common[value] : text;
            return value < _common.Length;
        }

        if (value > _rest.Length || !Utf8.IsValid(_rest[..value]))
        {
            return false;
        }

        text = Encoding.UTF8.GetString(_rest[..value]);
        _rest = _rest[value..];
        return true;
    }
}
