using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>Stands between the cache and the client, lets all through, and says when the response begins: the middleware has just noted the headers that it stores.</summary>
internal sealed class WatchedBody : ResponseStream
{
    private readonly HttpContext _http;
    private readonly Stream _client;
    private readonly Action _onBegin;
    private bool _hasBegun;

    private WatchedBody(HttpContext http, Action onBegin)
    {
        (_http, _client, _onBegin) = (http, http.Response.Body, onBegin);
        http.Response.Body = this;
    }

    public static WatchedBody Begin(HttpContext http, Action onBegin) => new(http, onBegin);

    /// <summary>Puts the client's stream back in its place.</summary>
    public void Restore()
    {
        if (ReferenceEquals(_http.Response.Body, this))
        {
            _http.Response.Body = _client;
        }
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        Watch();
        _client.Write(buffer);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Watch();
        return _client.WriteAsync(buffer, cancellationToken);
    }

    public override void Flush()
    {
        Watch();
        _client.Flush();
    }

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        Watch();
        return _client.FlushAsync(cancellationToken);
    }

    private void Watch()
    {
        if (!_hasBegun)
        {
            _hasBegun = true;
            _onBegin();
        }
    }
}
