using System.Globalization;
using System.Text;

namespace Larder.Tests.Shared;

/// <summary>One answer of a server: a text, a number, nothing, or a list of answers.</summary>
public sealed class RespValue
{
    internal static readonly RespValue Nil = new(null, null);

    private RespValue(byte[]? bytes, IReadOnlyList<RespValue>? items)
    {
        Bytes = bytes;
        Items = items ?? [];
    }

    /// <summary>The raw bytes of a string or number; null for nothing and for lists.</summary>
    public byte[]? Bytes { get; }

    /// <summary>The elements of a list; empty for everything else.</summary>
    public IReadOnlyList<RespValue> Items { get; }

    /// <summary>The answer as text; null for nothing and for lists.</summary>
    public string? Text => Bytes is null ? null : Encoding.UTF8.GetString(Bytes);

    /// <summary>The answer as a number.</summary>
    public long Number => long.Parse(Text!, CultureInfo.InvariantCulture);

    /// <summary>The elements of a list as texts.</summary>
    public IReadOnlyList<string?> Texts => [.. Items.Select(item => item.Text)];

    /// <inheritdoc/>
    public override string ToString() => Text ?? (Items.Count == 0 ? "(nil)" : $"[{string.Join(", ", Items)}]");

    internal static RespValue Of(byte[] bytes) => new(bytes, null);

    internal static RespValue Of(IReadOnlyList<RespValue> items) => new(null, items);
}
