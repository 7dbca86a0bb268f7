using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Larder.Engine;
using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>
/// Stands between the cache and the client while an endpoint writes a page. It holds back what is short, so that the response can begin with an <c>ETag</c> made of all of
/// its body, or be a 304 without one.
/// </summary>
/// <remarks>
/// <para>The middleware notes the headers that it stores at the first write, when there is no <c>ETag</c> yet. So it finds a mark there, one of a kind, in whose place the real one is put when the
/// page is stored: both have the same length.</para>
/// <para>If the endpoint fails, the middleware puts this stream back as the body of the response. Whoever writes then is not the endpoint: what was held is
/// dropped, and all else let through.</para>
/// <para>One request writes at a time, so nothing is locked.</para>
/// </remarks>
internal sealed class HeldBody : ResponseStream
{
    /// <summary>A longer body is not held back.</summary>
    public const int MaximumLength = 64 * 1024;

    private readonly HttpContext _http;
    private readonly Stream _client;
    private readonly string _mark;
    private readonly Func<bool> _isForOthers;
    private readonly CancellationToken _clientLeft;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly MemoryStream _held = new();
    private long _length;
    private string? _etag;
    private bool _isSettled;
    private bool _isLetThrough;
    private bool _hasEnded;

    private HeldBody(HttpContext http, Func<bool> isForOthers, CancellationToken clientLeft)
    {
        (_http, _isForOthers, _clientLeft) = (http, isForOthers, clientLeft);
        _client = http.Response.Body;
        _mark = string.Create(CultureInfo.InvariantCulture, $"W/\"{RandomId.Next():x16}{RandomId.Next():x16}\"");
        http.Response.Headers.ETag = _mark;
        http.Response.Body = this;
    }

    /// <summary>Begins to hold back the response.</summary>
    /// <param name="http">The request.</param>
    /// <param name="isForOthers">Whether a response that begins as it stands would be stored: otherwise it is not held back.</param>
    /// <param name="clientLeft">Cancelled when its client has left, for whom nothing needs to be sent.</param>
    public static HeldBody Begin(HttpContext http, Func<bool> isForOthers, CancellationToken clientLeft) => new(http, isForOthers, clientLeft);

    /// <summary>The <c>ETag</c> that the response was given, if it was.</summary>
    public string? Given { get; private set; }

    /// <summary>The endpoint has written all. Sends what is held, or 304 if the client has it.</summary>
    /// <param name="isStored">Whether the page is kept: otherwise there is nothing that an <c>ETag</c> could name.</param>
    /// <returns>Whether the client was told that it has the page.</returns>
    public async ValueTask<bool> EndAsync(bool isStored)
    {
        var response = _http.Response;
        _hasEnded = true;
        if (_isLetThrough)
        {
            return false;
        }

        // Without a body, the middleware has yet to note the headers, and the status.
        var isPage = isStored && _length > 0;
        if (isPage && response.Headers.ETag == _mark)
        {
            response.Headers.ETag = Given = ETag();
        }

        // A response whose body has another length than it says is not stored by the middleware.
        if (isPage && response.StatusCode == StatusCodes.Status200OK && (response.ContentLength ?? _length) == _length && IfNoneMatch.Holds(_http.Request, response.Headers.ETag))
        {
            _isLetThrough = true;
            response.StatusCode = StatusCodes.Status304NotModified;
            response.ContentLength = null;
            response.Headers.ContentType = default;
            response.Headers.ContentEncoding = default;
            response.Headers.ContentLanguage = default;
            return true;
        }

        try
        {
            await LetThroughAsync(drop: false, default).ConfigureAwait(false);
        }
        catch (Exception) when (_clientLeft.IsCancellationRequested)
        {
            // Others may wait for the page.
        }

        return false;
    }

    /// <summary>Puts the <c>ETag</c> into a page in the form of the middleware, whose end is the body.</summary>
    public void Complete(Span<byte> page)
    {
        if (_length > page.Length)
        {
            return;
        }

        Span<byte> text = stackalloc byte[_mark.Length];
        Encoding.ASCII.GetBytes(_mark, text);
        var head = page[..^(int)_length];
        if (head.IndexOf(text) is var at and >= 0)
        {
            Encoding.ASCII.GetBytes(ETag(), head[at..]);
        }
    }

    /// <summary>Puts the client's stream back in its place.</summary>
    public void Restore()
    {
        if (ReferenceEquals(_http.Response.Body, this))
        {
            _http.Response.Body = _client;
        }

        Dispose();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (Holds(buffer))
        {
            return;
        }

        if (!_isLetThrough)
        {
            // Whether the client may be written to like this, it says itself.
            _client.Write(BeginToLetThrough(drop: IsOutside).Span);
        }

        _client.Write(buffer);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Holds(buffer.Span))
        {
            return;
        }

        await LetThroughAsync(drop: IsOutside, cancellationToken).ConfigureAwait(false);
        await _client.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
    }

    public override void Flush()
    {
        Settle();
        if (_isLetThrough)
        {
            _client.Flush();
        }
    }

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        // Every write of a text is followed by one, so an endpoint's says nothing; but it may be the first that is heard of the response.
        Settle();
        if (IsOutside)
        {
            await LetThroughAsync(drop: true, cancellationToken).ConfigureAwait(false);
        }

        if (_isLetThrough)
        {
            await _client.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
            _held.Dispose();
        }

        base.Dispose(disposing);
    }

    // While the endpoint runs, the body of the response is the middleware's stream.
    private bool IsOutside => !_isLetThrough && ReferenceEquals(_http.Response.Body, this);

    // Of events, or a failure, nothing is to be kept, and whoever waits for them should not wait for their end.
    private void Settle()
    {
        if (!_isSettled && !IsOutside)
        {
            _isSettled = true;
            if (!_isLetThrough && !_isForOthers())
            {
                BeginToLetThrough(drop: false);
            }
        }
    }

    private bool Holds(ReadOnlySpan<byte> buffer)
    {
        if (_hasEnded || IsOutside)
        {
            return false;
        }

        Settle();
        _hash.AppendData(buffer);
        _length += buffer.Length;
        if (_isLetThrough || _held.Length + buffer.Length > MaximumLength)
        {
            return false;
        }

        _held.Write(buffer);
        return true;
    }

    private async ValueTask LetThroughAsync(bool drop, CancellationToken cancellationToken)
    {
        if (!_isLetThrough && BeginToLetThrough(drop) is { IsEmpty: false } held)
        {
            // Not for nothing: a write starts the response, and the middleware has yet to finish the headers of one without body.
            await _client.WriteAsync(held, cancellationToken).ConfigureAwait(false);
        }
    }

    private ReadOnlyMemory<byte> BeginToLetThrough(bool drop)
    {
        _isLetThrough = true;
        _hasEnded |= drop;
        if (_http.Response.Headers.ETag == _mark)
        {
            _http.Response.Headers.ETag = default;
        }

        return drop ? default : _held.GetBuffer().AsMemory(0, (int)_held.Length);
    }

    private string ETag() => _etag ??= $"W/\"{Convert.ToHexStringLower(_hash.GetHashAndReset().AsSpan(0, 16))}\"";
}
