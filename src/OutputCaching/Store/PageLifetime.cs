using Microsoft.AspNetCore.Http.Features;

namespace Larder.Http;

/// <summary>
/// The life of a request that computes a page for others too: it goes on when its own client has left, as long as somebody waits for the page. Where
/// nobody does, because the page is renewed while a stale one is served, it goes on for a while. While its client is there, it goes on in any case.
/// </summary>
internal sealed class PageLifetime : IHttpRequestLifetimeFeature, IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();
    private readonly CancellationTokenRegistration _clientLeft;
    private readonly TimeProvider _time;
    private readonly TimeSpan? _patience;
    private readonly CancellationToken _wanted;
    private CancellationTokenRegistration _unwanted;
    private ITimer? _timer;

    /// <param name="original">The life of the client's request.</param>
    /// <param name="time">For <paramref name="patience"/>.</param>
    /// <param name="patience">How long it goes on without its client; null for as long as <paramref name="wanted"/> says.</param>
    /// <param name="wanted">Cancelled when nobody waits for the page.</param>
    public PageLifetime(IHttpRequestLifetimeFeature original, TimeProvider time, TimeSpan? patience, CancellationToken wanted)
    {
        (Original, _time, _patience, _wanted) = (original, time, patience, wanted);
        RequestAborted = _cancellation.Token;
        _clientLeft = original.RequestAborted.UnsafeRegister(static life => ((PageLifetime)life!).GoOnWithoutClient(), this);
    }

    public IHttpRequestLifetimeFeature Original { get; }

    /// <summary>The application has ended the request in the midst of its response.</summary>
    public bool IsAborted { get; private set; }

    public CancellationToken RequestAborted { get; set; }

    public void Abort()
    {
        IsAborted = true;
        Cancel();
        Original.Abort();
    }

    public void Dispose()
    {
        // Waits for its callback, so that nothing is begun any more.
        _clientLeft.Dispose();
        _unwanted.Dispose();
        _timer?.Dispose();
        _cancellation.Dispose();
    }

    private void GoOnWithoutClient()
    {
        if (_patience is { } left)
        {
            _timer = _time.CreateTimer(static life => ((PageLifetime)life!).Cancel(), this, left, Timeout.InfiniteTimeSpan);
        }

        _unwanted = _wanted.UnsafeRegister(static life => ((PageLifetime)life!).Cancel(), this);
    }

    private void Cancel()
    {
        try
        {
            _cancellation.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The request has ended meanwhile.
        }
    }
}
