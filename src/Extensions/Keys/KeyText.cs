using System.Buffers;
using System.Globalization;
using System.Net;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Larder.Keys;

/// <summary>
/// Writes values as canonical text. Every value is a token that its first characters tell from all others, and it ends where its own
/// grammar says, so the text reads back in one way only:
/// </summary>
/// <remarks>
/// <code>
/// value    := null | true | false | integer | real | text | tag text | enum | tuple | sequence | set | map | pair | object | call
/// text     := ' characters ', with \' \\ and \uXXXX for quotes, backslashes, controls and lone surrogates
/// real     := digits and one of m (decimal), d (double), f (float), h (Half)
/// tag      := c (char) rune bytes guid utc local time (a DateTime, by its kind) offset date clock span uri version ip culture type
/// enum     := enum text integer
/// tuple    := ( values )              sequence := [ values ], with array(lengths) before it for more than one dimension
/// set      := set( values, sorted )   map := map( key = value, …, sorted )   pair := pair(key=value)
/// object   := obj text ( name = value, …, sorted ), with "new" for "obj text" for an anonymous type
/// call     := call text ( values ) | method text ( values )
/// </code>
/// </remarks>
internal sealed partial class KeyText
{
    private const int LargestKeptBuffer = 64 * 1024;

    [ThreadStatic]
    private static KeyText? _kept;

    private bool _readsMembers;

    public static KeyText Rent(bool readsMembers)
    {
        // Taken away while it is used: a property that is read may make keys itself.
        var writer = _kept ?? new KeyText();
        _kept = null;
        writer._readsMembers = readsMembers;
        return writer;
    }

    public void Return()
    {
        _length = 0;
        _steps.Clear();
        if (_buffer.Length <= LargestKeptBuffer)
        {
            _kept = this;
        }
    }

    /// <summary>What was written, or its hash if it is long.</summary>
    public string ToKey()
    {
        var text = _buffer.AsSpan(0, _length);
        if (_length <= CacheKey.MaximumReadableLength)
        {
            return text.ToString();
        }

        var bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(_length));
        try
        {
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(bytes.AsSpan(0, Encoding.UTF8.GetBytes(text, bytes)), hash);
            return $"sha256'{Convert.ToHexStringLower(hash)}'";
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    public void Write(object? value)
    {
        switch (value)
        {
            case null: Append("null"); break;
            case string text: AppendText(text); break;
            case bool flag: Append(flag ? "true" : "false"); break;
            case Enum member: WriteEnum(member); break;
            case int number: Format(number); break;
            case long number: Format(number); break;
            case short number: Format(number); break;
            case sbyte number: Format(number); break;
            case byte number: Format(number); break;
            case ushort number: Format(number); break;
            case uint number: Format(number); break;
            case ulong number: Format(number); break;
            case Int128 number: Format(number); break;
            case UInt128 number: Format(number); break;
            case BigInteger number: Append(number.ToString(CultureInfo.InvariantCulture)); break;
            case decimal number: WriteDecimal(number); break;
            case double number: Format(number, "R"); Append("d"); break;
            case float number: Format(number, "R"); Append("f"); break;
            case Half number: Format(number, "R"); Append("h"); break;
            case char character: WriteTagged("c", [character]); break;
            case Rune rune: WriteTagged("rune", rune.ToString()); break;
            case Guid guid: WriteFormatted("guid", guid, "D"); break;
            case DateTime time: WriteTime(time); break;
            case DateTimeOffset time: WriteFormatted("offset", time, "O"); break;
            case DateOnly date: WriteFormatted("date", date, "O"); break;
            case TimeOnly time: WriteFormatted("clock", time, "O"); break;
            case TimeSpan span: WriteFormatted("span", span, "c"); break;
            // To the runtime an sbyte[] is a byte[] as well.
            case byte[] bytes when bytes.GetType() == typeof(byte[]): WriteTagged("bytes", Convert.ToHexStringLower(bytes)); break;
            case ReadOnlyMemory<byte> bytes: WriteTagged("bytes", Convert.ToHexStringLower(bytes.Span)); break;
            case Memory<byte> bytes: WriteTagged("bytes", Convert.ToHexStringLower(bytes.Span)); break;
            case Uri uri: WriteTagged("uri", uri.OriginalString); break;
            case Version version: WriteTagged("version", version.ToString()); break;
            case IPAddress address: WriteTagged("ip", address.ToString()); break;
            case CultureInfo culture: WriteTagged("culture", culture.Name); break;
            case Type type: WriteTagged("type", type.ToString()); break;
            default: WriteStructure(value); break;
        }
    }

    public void WriteTuple(ReadOnlySpan<object?> parts)
    {
        BeginArguments();
        for (var i = 0; i < parts.Length; i++)
        {
            WriteArgument(i, parts[i]);
        }

        EndArguments();
    }

    public void BeginArguments()
    {
        Append("(");
        _steps.Push(new Step(this));
    }

    public void WriteArgument(int index, object? value)
    {
        At(index);
        if (_buffer[_length - 1] != '(')
        {
            Append(",");
        }

        Write(value);
    }

    public void EndArguments()
    {
        _steps.Pop();
        Append(")");
    }

    public void WriteTagged(string tag, ReadOnlySpan<char> text)
    {
        Append(tag);
        AppendText(text);
    }

    private void WriteEnum(Enum member)
    {
        WriteTagged("enum", member.GetType().ToString());
        Append(member.ToString("D"));
    }

    // Equal decimals are one key, however many zeros they end with.
    private void WriteDecimal(decimal number)
    {
        var start = _length;
        Format(number);
        if (_buffer.AsSpan(start, _length - start).Contains('.'))
        {
            _length = start + _buffer.AsSpan(start, _length - start).TrimEnd('0').TrimEnd('.').Length;
        }

        if (_buffer.AsSpan(start, _length - start) is "-0")
        {
            _length = start;
            Append("0");
        }

        Append("m");
    }

    // A local time is written as the moment that it is, since another process may be in another zone.
    private void WriteTime(DateTime time) => WriteFormatted(
        time.Kind switch { DateTimeKind.Utc => "utc", DateTimeKind.Local => "local", _ => "time" },
        time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : time,
        "O");
}
