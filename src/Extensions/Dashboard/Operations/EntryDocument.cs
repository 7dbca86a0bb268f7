using System.Text;

namespace Larder.Dashboard;

/// <summary><see cref="CacheEntryDetails"/> as they are written.</summary>
internal sealed record EntryDocument(
    string? Tenant,
    string? Project,
    string? Namespace,
    string Key,
    string Levels,
    DateTimeOffset Created,
    DateTimeOffset? Expires,
    IReadOnlyList<string> Tags,
    IReadOnlyList<string> Indexes,
    long Size,
    bool IsNotFound,
    long? Hits,
    DateTimeOffset? LastAccess,
    ValueDocument? Value)
{
    public static EntryDocument Of(CacheEntryDetails details, ValueDocument? value) => new(
        details.Scope.Tenant,
        details.Scope.Project,
        details.Scope.Namespace,
        details.Key,
        details.Levels switch
        {
            CacheLevels.Both => "memory and second level",
            CacheLevels.Memory => "memory",
            _ => "second level",
        },
        details.Info.Created,
        details.Info.Expires == DateTimeOffset.MaxValue ? null : details.Info.Expires,
        details.Info.Tags,
        [.. details.Info.Indexes.Select(static index => $"{index.Name}={index.Value}")],
        details.Info.Size,
        details.Info.IsNotFound,
        details.Hits,
        details.LastAccess,
        value);
}

/// <summary>A value, as far as it can be shown.</summary>
/// <param name="Text">The value as text, or its first bytes as hexadecimal digits; null where it cannot be shown.</param>
/// <param name="Note">What else there is to say; otherwise null.</param>
internal sealed record ValueDocument(string? Text, string? Note)
{
    private const int LongestText = 32 * 1024;
    private const int LongestBinary = 256;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static ValueDocument Of(ReadOnlyMemory<byte>? value)
    {
        if (value is not { } bytes)
        {
            return new ValueDocument(null, "The value cannot be shown: its serializer writes no JSON and it is in memory only, it holds none, or it has just gone.");
        }

        var shown = bytes.Length <= LongestText ? bytes : bytes[..WholeCharacters(bytes.Span)];
        try
        {
            return new ValueDocument(Strict.GetString(shown.Span), shown.Length < bytes.Length ? $"The first {shown.Length} of {bytes.Length} bytes." : null);
        }
        catch (DecoderFallbackException)
        {
            var first = bytes[..Math.Min(LongestBinary, bytes.Length)];
            return new ValueDocument(Convert.ToHexStringLower(first.Span), $"It is not text. The first {first.Length} of {bytes.Length} bytes, in hexadecimal digits.");
        }
    }

    // Up to where no character of UTF-8 is cut apart.
    private static int WholeCharacters(ReadOnlySpan<byte> bytes)
    {
        var end = LongestText;
        while (end > LongestText - 4 && (bytes[end] & 0xC0) == 0x80)
        {
            end--;
        }

        return end;
    }
}
