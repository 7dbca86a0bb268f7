using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Larder.Http;

/// <summary>A page as it is sent: what the middleware reads from its content for every hit, read once.</summary>
/// <remarks>
/// It is served to many at once, so nothing of it may change. Its body is the content's. A page is counted in memory by the bytes of its content, as all that is serialized is; its headers take
/// some 400 bytes more in this form, and those that could take much more are left to the middleware.
/// </remarks>
internal sealed class PageResponse
{
    /// <summary>In place of one that the middleware is to read.</summary>
    public static readonly PageResponse Unreadable = new([], default);

    private const int MaximumHeadLength = 4 * 1024;

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    // It writes these itself, and stores none of them.
    private static readonly string[] NeverStored = [HeaderNames.ContentLength, HeaderNames.Age, HeaderNames.RequestId];

    private readonly (string Name, StringValues Values)[] _headers;
    private readonly bool _isTransferEncoded;

    private PageResponse((string Name, StringValues Values)[] headers, ReadOnlyMemory<byte> body)
    {
        (_headers, Body) = (headers, body);
        _isTransferEncoded = headers.Any(static header => header.Name.Equals(HeaderNames.TransferEncoding, StringComparison.OrdinalIgnoreCase));
    }

    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Reads a page. <see cref="Unreadable"/> where anything is not as the middleware of this process writes it.</summary>
    /// <param name="content">What the middleware has stored (see <see cref="PageContent"/>).</param>
    /// <param name="status">The page's.</param>
    /// <param name="common">See <see cref="FrameworkInternals.CommonTexts"/>.</param>
    public static PageResponse Read(byte[] content, int status, ReadOnlySpan<string> common)
    {
        var reader = new ContentReader(content, common);
        return PageContent.IsKnown(content) && reader.TryReadNumber(out _)
            && reader.TryReadNumber(out var ticks) && ticks == 0
            && reader.TryReadNumber(out var offset) && offset == 0
            && reader.TryReadNumber(out var written) && written == status && status is >= StatusCodes.Status200OK and < 600
            && TryReadHeaders(ref reader, out var headers)
            && reader.TryReadNumber(out var length) && length == reader.Left && content.Length - length <= MaximumHeadLength
            ? new PageResponse(headers, content.AsMemory(content.Length - length))
            : Unreadable;
    }

    /// <summary>Sets the headers as the middleware does: its own over what stands there, and a length unless the response says how it is transferred.</summary>
    public void CopyTo(IHeaderDictionary headers)
    {
        if (!_isTransferEncoded)
        {
            headers.ContentLength = Body.Length;
        }

        foreach (var (name, values) in _headers)
        {
            // Several values are an array, which whoever has the response can write to.
            headers[name] = values.Count > 1 ? new StringValues([.. values]) : values;
        }
    }

    private static bool TryReadHeaders(ref ContentReader reader, out (string Name, StringValues Values)[] headers)
    {
        headers = [];
        if (!TryReadCount(ref reader, out var count))
        {
            return false;
        }

        headers = new (string, StringValues)[count];
        var names = new HashSet<string>(NeverStored, StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < count; i++)
        {
            if (!reader.TryReadText(out var name) || name.Length == 0 || name.AsSpan().ContainsAnyExcept(NameCharacters) || !names.Add(name) || !TryReadValues(ref reader, out var values))
            {
                return false;
            }

            headers[i] = (name, values);
        }

        return true;
    }

    private static bool TryReadValues(ref ContentReader reader, out StringValues values)
    {
        values = default;
        if (!TryReadCount(ref reader, out var count))
        {
            return false;
        }

        var texts = new string[count];
        for (var i = 0; i < count; i++)
        {
            if (!reader.TryReadText(out texts[i]) || RequestRules.Has(texts[i]))
            {
                return false;
            }
        }

        values = texts is [var only] ? only : texts;
        return true;
    }

    // Each takes a byte at least.
    private static bool TryReadCount(ref ContentReader reader, out int count) => reader.TryReadNumber(out count) && count <= MaximumHeadLength;
}
