using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Larder.Backplane;

/// <summary>What a node tells the others.</summary>
internal readonly record struct BackplaneMessage(MessageKind Kind, string Scope, string Name)
{
    public static BackplaneMessage KeyChanged(string scope, string key) => new(MessageKind.KeyChanged, scope, key);

    public static BackplaneMessage KeyFilled(string scope, string key) => new(MessageKind.KeyFilled, scope, key);

    public static BackplaneMessage TagInvalidated(string scope, string tag) => new(MessageKind.TagInvalidated, scope, tag);

    public static BackplaneMessage PatternInvalidated(string scope, string pattern) => new(MessageKind.PatternInvalidated, scope, pattern);

    public static BackplaneMessage LevelInvalidated(string level) => new(MessageKind.LevelInvalidated, level, "");
}

internal enum MessageKind : byte
{
    /// <summary>A key was removed or set: forget it, fence its loads.</summary>
    KeyChanged = 1,

    /// <summary>A load under a lease has ended: whoever waits for it should look again.</summary>
    KeyFilled = 2,

    /// <summary>A tag of a scope was invalidated.</summary>
    TagInvalidated = 3,

    /// <summary>A namespace, project, tenant or everything was invalidated.</summary>
    LevelInvalidated = 4,

    /// <summary>The node ends in good order: its silence from now on means nothing.</summary>
    Leaving = 5,

    /// <summary>The keys of a scope that fit a pattern were removed (see <see cref="Admin.KeyPattern.Encode"/>): forget them, fence their loads.</summary>
    PatternInvalidated = 6,
}

/// <summary>Some messages of one node, sent as one. A batch without messages is a heartbeat.</summary>
/// <remarks>
/// <code>
/// 1 version (1) · 8 node · 8 sequence number · 8 sent at, in the sender's own clock · 4 sender's subscription number ·
/// 2 count · per message: 1 kind · 2 length, scope · 2 length, name   (texts as UTF-16, all numbers little-endian)
/// </code>
/// What does not parse is dropped; the missing sequence number then makes its receivers verify what they hold.
/// </remarks>
internal sealed record BackplaneBatch(long Node, long Sequence, long SentAt, int Subscription, IReadOnlyList<BackplaneMessage> Messages)
{
    private const byte Version = 1;
    private const int HeaderLength = 31;

    public byte[] Encode()
    {
        var length = HeaderLength;
        foreach (var message in Messages)
        {
            length += 5 + ((message.Scope.Length + message.Name.Length) * 2);
        }

        var bytes = new byte[length];
        bytes[0] = Version;
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(1), Node);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(9), Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(17), SentAt);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(25), Subscription);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(29), checked((ushort)Messages.Count));
        var rest = bytes.AsSpan(HeaderLength);
        foreach (var message in Messages)
        {
            rest[0] = (byte)message.Kind;
            rest = WriteText(rest[1..], message.Scope);
            rest = WriteText(rest, message.Name);
        }

        return bytes;
    }

    public static bool TryDecode(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out BackplaneBatch? batch)
    {
        batch = null;
        if (bytes.Length < HeaderLength || bytes[0] != Version)
        {
            return false;
        }

        // A message takes at least five bytes, so a wrong count cannot make us reserve more than what arrived.
        int count = BinaryPrimitives.ReadUInt16LittleEndian(bytes[29..]);
        var rest = bytes[HeaderLength..];
        if (count * 5 > rest.Length)
        {
            return false;
        }

        var messages = new BackplaneMessage[count];
        for (var i = 0; i < count; i++)
        {
            if (rest.IsEmpty)
            {
                return false;
            }

            var kind = (MessageKind)rest[0];
            rest = rest[1..];
            if (!TryReadText(ref rest, out var scope) || !TryReadText(ref rest, out var name))
            {
                return false;
            }

            messages[i] = new BackplaneMessage(kind, scope, name);
        }

        batch = new BackplaneBatch(
            BinaryPrimitives.ReadInt64LittleEndian(bytes[1..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[9..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[17..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[25..]),
            messages);
        return rest.IsEmpty;
    }

    private static Span<byte> WriteText(Span<byte> target, string text)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(target, checked((ushort)text.Length));
        for (var i = 0; i < text.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(target[(2 + (i * 2))..], text[i]);
        }

        return target[(2 + (text.Length * 2))..];
    }

    private static bool TryReadText(ref ReadOnlySpan<byte> source, out string text)
    {
        text = "";
        if (source.Length < 2)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt16LittleEndian(source) * 2;
        if (source.Length < 2 + length)
        {
            return false;
        }

        text = string.Create(length / 2, source.Slice(2, length), static (chars, bytes) =>
        {
            for (var i = 0; i < chars.Length; i++)
            {
                chars[i] = (char)BinaryPrimitives.ReadUInt16LittleEndian(bytes[(i * 2)..]);
            }
        });
        source = source[(2 + length)..];
        return true;
    }
}
