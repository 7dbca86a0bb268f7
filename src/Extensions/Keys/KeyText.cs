using System.Buffers;
using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Numerics;
using System.Reflection;
using System.Runtime.CompilerServices;
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
internal sealed class KeyText
{
    /// <summary>Deeper nesting is refused.</summary>
    internal const int MaximumDepth = 64;

    /// <summary>Beyond this many characters a value is refused: most likely it has no end.</summary>
    internal const int MaximumLength = 16 * 1024 * 1024;

    private const int LargestKeptBuffer = 64 * 1024;

    private static readonly SearchValues<char> NeedsEscape = SearchValues.Create(Escaped());
    private static readonly SearchValues<char> Identifier = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    [ThreadStatic]
    private static KeyText? _kept;

    private readonly Stack<Step> _steps = new();
    private bool _readsMembers;
    private char[] _buffer = new char[512];
    private int _length;

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

    private void WriteStructure(object value)
    {
        if (value is ITuple tuple && value.GetType().Namespace == "System")
        {
            Enter(value);
            Append("(");
            for (var i = 0; i < tuple.Length; i++)
            {
                At(i);
                Separate(i);
                Write(tuple[i]);
            }

            Append(")");
            _steps.Pop();
            return;
        }

        var shape = KeyShape.Of(value.GetType());
        switch (shape.Kind)
        {
            case KeyShape.ShapeKind.Refused:
                throw Refusal(shape, "it cannot be part of a key");
            case KeyShape.ShapeKind.Pair:
                Enter(value);
                var (key, pairValue) = Pair(value);
                Append("pair(");
                WriteEntry(key, pairValue);
                Append(")");
                break;
            case KeyShape.ShapeKind.Set:
                Enter(value);
                WriteUnordered("set(", (IEnumerable)value, static (writer, item) => writer.Write(item));
                break;
            case var _ when value is IDictionary dictionary:
                Enter(value);
                WriteUnordered("map(", Entries(dictionary), static (writer, item) =>
                {
                    var entry = (DictionaryEntry)item!;
                    writer.WriteEntry(entry.Key, entry.Value);
                });
                break;
            case KeyShape.ShapeKind.Map:
                Enter(value);
                WriteUnordered("map(", (IEnumerable)value, static (writer, item) =>
                {
                    var (key, value) = Pair(item!);
                    writer.WriteEntry(key, value);
                });
                break;
            case KeyShape.ShapeKind.Sequence:
                Enter(value);
                WriteSequence((IEnumerable)value);
                break;
            default:
                WriteMembers(value, shape);
                return;
        }

        _steps.Pop();
    }

    private void WriteSequence(IEnumerable items)
    {
        if (items is Array { Rank: > 1 } array)
        {
            Append("array(");
            for (var i = 0; i < array.Rank; i++)
            {
                Separate(i);
                Format(array.GetLength(i));
            }

            Append(")");
        }

        Append("[");
        var index = 0;
        foreach (var item in items)
        {
            At(index);
            Separate(index++);
            Write(item);
        }

        Append("]");
    }

    private void WriteEntry(object? key, object? value)
    {
        Write(key);
        _steps.Peek().InValue = true;
        Append("=");
        Write(value);
    }

    // What has no order is written in the order of what was written, compared by code units.
    private void WriteUnordered(string open, IEnumerable items, Action<KeyText, object?> write)
    {
        Append(open);
        var start = _length;
        var ends = new List<int>();
        foreach (var item in items)
        {
            At(ends.Count);
            write(this, item);
            ends.Add(_length);
        }

        if (ends.Count != 0)
        {
            var written = _buffer.AsSpan(start, _length - start).ToString();
            var parts = new ReadOnlyMemory<char>[ends.Count];
            for (var i = 0; i < parts.Length; i++)
            {
                var from = i == 0 ? 0 : ends[i - 1] - start;
                parts[i] = written.AsMemory(from, ends[i] - start - from);
            }

            Array.Sort(parts, static (one, other) => one.Span.SequenceCompareTo(other.Span));
            _length = start;
            for (var i = 0; i < parts.Length; i++)
            {
                Separate(i);
                Append(parts[i].Span);
            }
        }

        Append(")");
    }

    private void WriteMembers(object value, KeyShape shape)
    {
        if (!_readsMembers)
        {
            throw Refusal(shape, "FromParts reads no members; give its parts, or use From");
        }

        var members = shape.Members() ?? throw Refusal(shape, "it has no public properties or fields to make a key from");
        Enter(value);
        if (shape.IsAnonymous)
        {
            Append("new");
        }
        else
        {
            WriteTagged("obj", shape.Name);
        }

        Append("(");
        for (var i = 0; i < members.Length; i++)
        {
            var name = members[i].Name;
            At(name);
            Separate(i);
            if (name.AsSpan().ContainsAnyExcept(Identifier))
            {
                AppendText(name);
            }
            else
            {
                Append(name);
            }

            Append("=");
            Write(Read(members[i], value));
        }

        Append(")");
        _steps.Pop();
    }

    private object? Read(MemberInfo member, object value)
    {
        try
        {
            return member is PropertyInfo property ? property.GetValue(value) : ((FieldInfo)member).GetValue(value);
        }
        catch (Exception exception) when (exception is TargetInvocationException or NotSupportedException)
        {
            var cause = exception.InnerException ?? exception;
            throw new ArgumentException($"No key can be made: {Path()} could not be read: {cause.GetType()}: {cause.Message}", cause);
        }
    }

    [DynamicDependency(DynamicallyAccessedMemberTypes.PublicProperties, typeof(KeyValuePair<,>))]
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "The properties of a pair are kept by the attribute above.")]
    private static (object? Key, object? Value) Pair(object pair) =>
        (pair.GetType().GetProperty("Key")!.GetValue(pair), pair.GetType().GetProperty("Value")!.GetValue(pair));

    private static IEnumerable<object> Entries(IDictionary dictionary)
    {
        // As an IEnumerable it may well enumerate pairs.
        var entries = dictionary.GetEnumerator();
        while (entries.MoveNext())
        {
            yield return entries.Entry;
        }
    }

    private void Enter(object value)
    {
        if (_steps.Count >= MaximumDepth)
        {
            throw new ArgumentException($"No key can be made: {Path()} is nested deeper than {MaximumDepth} levels.");
        }

        if (!value.GetType().IsValueType)
        {
            var up = _steps.Count;
            foreach (var step in _steps)
            {
                up--;
                if (ReferenceEquals(step.Owner, value))
                {
                    throw new ArgumentException($"No key can be made: {Path()} refers back to {Path(up)}, a {value.GetType()}.");
                }
            }
        }

        _steps.Push(new Step(value));
    }

    private void At(string member) => _steps.Peek().Member = member;

    private void At(int index)
    {
        var step = _steps.Peek();
        (step.Index, step.InValue) = (index, false);
    }

    private ArgumentException Refusal(KeyShape shape, string reason) => new($"No key can be made: {Path()} is a {shape.Name}; {reason}.");

    private string Path(int count = int.MaxValue)
    {
        var path = new StringBuilder("$");
        foreach (var step in _steps.Reverse().Take(count))
        {
            _ = step.Member is { } name ? path.Append('.').Append(name) : path.Append(CultureInfo.InvariantCulture, $"[{step.Index}]{(step.InValue ? ".value" : "")}");
        }

        return path.ToString();
    }

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

    /// <summary>One level of nesting, and where in it the writer is.</summary>
    private sealed class Step(object owner)
    {
        public object Owner { get; } = owner;

        public string? Member { get; set; }

        public int Index { get; set; }

        /// <summary>In the value of an entry, past its key.</summary>
        public bool InValue { get; set; }
    }
}
