using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Larder.Http;

/// <summary>
/// Fields in, one text out. Each field is preceded by its length and each list by its number, so different fields give different texts; an absent
/// field differs from an empty one. A long text is hashed, and one that holds what nobody is to read at the server.
/// </summary>
/// <param name="buffer">Where the text begins; more is rented when it grows.</param>
internal ref struct KeyFields(Span<char> buffer)
{
    /// <summary>A text of more characters becomes <c>#</c> and the hexadecimal digits of its SHA-256. No other text begins so.</summary>
    public const int MaximumReadableLength = 256;

    private Span<char> _buffer = buffer;
    private char[]? _rented;
    private int _length;
    private bool _isSecret;

    public void Add(ReadOnlySpan<char> field)
    {
        AddNumber(field.Length);
        Append(field);
    }

    public void Add(string? field)
    {
        if (field is null)
        {
            Append("-");
        }
        else
        {
            Add(field.AsSpan());
        }
    }

    /// <summary>Several fields, with their number in front.</summary>
    public void AddAll(IReadOnlyCollection<string?> fields)
    {
        AddNumber(fields.Count);
        foreach (var field in fields)
        {
            Add(field);
        }
    }

    public void AddNumber(int number)
    {
        Reserve(12);
        if ((uint)number < 10)
        {
            _buffer[_length++] = (char)('0' + number);
        }
        else
        {
            number.TryFormat(_buffer[_length..], out var written, default, CultureInfo.InvariantCulture);
            _length += written;
        }

        _buffer[_length++] = ':';
    }

    /// <summary>What is in here is nobody's business but the application's.</summary>
    public void Hide() => _isSecret = true;

    /// <summary>The text of all that was added. It lives no longer than these fields.</summary>
    public readonly ReadOnlySpan<char> Text
    {
        get
        {
            var text = _buffer[.._length];
            return !_isSecret && _length <= MaximumReadableLength ? text : Hash(text);
        }
    }

    /// <summary>The text; nothing can be added afterwards.</summary>
    public string Finish()
    {
        var result = Text.ToString();
        Dispose();
        return result;
    }

    public void Dispose()
    {
        if (_rented is { } rented)
        {
            _rented = null;
            ArrayPool<char>.Shared.Return(rented);
        }
    }

    private static string Hash(ReadOnlySpan<char> text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(text), hash);
        return $"#{Convert.ToHexStringLower(hash)}";
    }

    private void Append(ReadOnlySpan<char> text)
    {
        Reserve(text.Length);
        text.CopyTo(_buffer[_length..]);
        _length += text.Length;
    }

    private void Reserve(int more)
    {
        if (_length + more > _buffer.Length)
        {
            var larger = ArrayPool<char>.Shared.Rent(Math.Max(_buffer.Length * 2, _length + more));
            _buffer[.._length].CopyTo(larger);
            Dispose();
            _buffer = _rented = larger;
        }
    }
}
