using System.Buffers;
using Larder.Engine;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Larder.Http;

/// <summary>
/// One request that the cache is asked for, from the look-up to its end. It turns the middleware's order (look up, run the endpoint, store)
/// into the engine's, which wants a factory: the factory says that this request computes the page, and waits until the middleware
/// stores it.
/// </summary>
/// <remarks>
/// <para>So the page is a load like any other. The engine notes the stamps before the endpoint runs, holds the key's lease meanwhile and lets the others wait, on
/// this node and on the rest; a response that was computed before an invalidation is not stored after it.</para>
/// <para>The factory may be called at any time until the call of the engine has ended, and in the case of a refresh after it, when the request may be over.
/// The lock settles which comes first: a factory that comes too late fails at once, and a request that ends completes the factory. Nobody
/// waits for a request that is gone.</para>
/// </remarks>
internal sealed class PageRequest(HttpContext http, PageStore store, ScopeState space, string key) : IDisposable
{
    // A failed request lets the next one try. Then the others stop waiting, so that a broken endpoint is not asked by one after the other.
    private const int MaximumTries = 3;

    // So long the nodes wait for each other, and a run is joined; a moment more, so that what they do then is seen.
    private readonly TimeSpan _patience = EngineClock.Span(space.Engine.BackgroundPatience) + TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly long _began = space.Engine.Clock.UtcNowMilliseconds;
    private TaskCompletionSource? _leadSignal;
    private TaskCompletionSource<PageOutcome>? _outcome;
    private CancellationToken _leadToken;
    private PageLifetime? _lifetime;
    private WatchedBody? _watched;
    private CancellationTokenSource? _leaving;
    private Task? _refresh;
    private Task? _elsewhere;
    private Task? _load;
    private bool _ended;
    private bool _isNotModified;

    /// <summary>The page from the cache; null if there is none.</summary>
    public Page? Found { get; private set; }

    /// <summary>Why there is neither a page nor a say in storing one.</summary>
    public string Passed { get; private set; } = "not-shared";

    /// <summary>Whether the page was computed for another request while this one waited.</summary>
    public bool IsCollapsed { get; private set; }

    /// <summary>Whether this request computes the page.</summary>
    public bool Leads { get; private set; }

    /// <summary>Whether it does so while the others are given a stale page.</summary>
    public bool IsRefresh => Leads && _refresh is not null;

    /// <summary>The ETag that the response was given in case its endpoint gives none.</summary>
    public string? ETag
    {
        get => field ?? Body?.Given;
        set;
    }

    /// <summary>What holds the response back, if its <c>ETag</c> is made of its body.</summary>
    public HeldBody? Body { get; set; }

    /// <summary>
    /// Whether <c>Vary</c> named no <c>Accept-Encoding</c> when the headers of the page were noted: what says so since is a middleware outside of the cache, which
    /// compresses what comes from the cache too.
    /// </summary>
    public bool IsEncodedOutside { get; private set; }

    /// <summary>
    /// The <c>Vary</c> of the response when it started, if it has. Callbacks that were hung on that by a middleware outside of the cache come later; they add to hits as well.
    /// </summary>
    public StringValues? Vary { get; set; }

    /// <summary>The status of the page; that of the response may say that the client has it.</summary>
    public int Status => _isNotModified ? StatusCodes.Status200OK : http.Response.StatusCode;

    /// <summary>How the response is to be stored, once that is settled.</summary>
    public PageTerms? Terms { get; set; }

    public RouteResponse Response { get; } = new();

    /// <summary>Whether what the endpoint wrote may be less than it wanted to write.</summary>
    public bool IsCutShort => _leadToken.IsCancellationRequested || _lifetime is { IsAborted: true } || (_lifetime is null && http.RequestAborted.IsCancellationRequested);

    /// <summary>Cancelled when the client has left, although the request may go on for others.</summary>
    public CancellationToken ClientLeft => _lifetime?.Original.RequestAborted ?? http.RequestAborted;

    /// <summary>Asks the engine. Afterwards there is a page, or this request computes it, or it is served past the cache.</summary>
    public async ValueTask FindAsync(CacheEntryPolicy policy, string[] tags)
    {
        try
        {
            await TryFindAsync(policy, tags).ConfigureAwait(false);
        }
        finally
        {
            if (!Leads)
            {
                // Should the engine still call the factory, others must not wait for it.
                End(PageOutcome.Failed);
            }
        }
    }

    private async ValueTask TryFindAsync(CacheEntryPolicy policy, string[] tags)
    {
        var aborted = http.RequestAborted;
        for (var tries = 0; tries < MaximumTries; tries++)
        {
            _leaving?.Dispose();
            _leaving = CancellationTokenSource.CreateLinkedTokenSource(aborted);
            try
            {
                var load = space.Engine.GetOrLoadAsync<PageLoader, Page>(space, key, new PageLoader(this), policy, tags, _leaving.Token);
                if (!load.IsCompletedSuccessfully)
                {
                    var task = load.AsTask();
                    store.Waiting(1);
                    await ((Task)Task.WhenAny(task, LeadSignal())).WaitAsync(_patience, space.Engine.Clock.Provider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    store.Waiting(-1);
                    if (TryLead(task))
                    {
                        return;
                    }

                    if (!task.IsCompleted)
                    {
                        // The run may never end. Nobody joins it any more, so the first of those who waited for it computes the page.
                        Passed = "no-answer";
                        Observe(task);
                        await _leaving.CancelAsync().ConfigureAwait(false);
                        continue;
                    }

                    load = new(await task.ConfigureAwait(false));
                }

                var page = await load.ConfigureAwait(false);
                Passed = "not-shared";
                if (_refresh is not null)
                {
                    // Chosen to renew the page that all others get meanwhile, unless another node does it already.
                    await Task.WhenAny(_refresh, _elsewhere!, LeadSignal()).ConfigureAwait(false);
                    if (TryLead(_refresh))
                    {
                        return;
                    }
                }

                if (page is not null && !ReferenceEquals(page, Page.NotStored))
                {
                    Found = page;
                    IsCollapsed = page.Created > _began;
                }

                return;
            }
            catch (CacheLoadException)
            {
                // The request that computed it failed or was given up.
                Passed = "failed-elsewhere";
            }
            catch (Exception) when (!aborted.IsCancellationRequested)
            {
                // Perhaps asked for by LarderOptions, which is about data. A page that cannot be had, or not in time, is computed.
                Passed = "no-answer";
                return;
            }
        }
    }

    /// <summary>Looks without leading.</summary>
    public async ValueTask LookAsync()
    {
        try
        {
            Found = (await space.Engine.TryGetAsync<Page>(space, key, http.RequestAborted).ConfigureAwait(false)).Value;
        }
        catch (SecondLevelException)
        {
            // As if there were none.
        }
    }

    /// <summary>The engine's factory.</summary>
    public async ValueTask<Page> LeadAsync(CacheEntryContext entry, CancellationToken cancellationToken)
    {
        TaskCompletionSource<PageOutcome> outcome;
        TaskCompletionSource? signal;
        lock (_lock)
        {
            if (_ended || _outcome is not null)
            {
                entry.Fail("The request that was to compute the page has ended.");
                return Page.NotStored;
            }

            outcome = _outcome = new TaskCompletionSource<PageOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
            _leadToken = cancellationToken;
            signal = _leadSignal;
        }

        signal?.TrySetResult();
        var (page, terms) = await outcome.Task.WaitAsync(cancellationToken).ConfigureAwait(false) switch { var ended => (ended.Page, ended.Terms) };
        if (page is null)
        {
            entry.Fail("The request that computed the page has failed.");
            return Page.NotStored;
        }

        if (terms is null)
        {
            entry.DoNotStore();
            return page;
        }

        entry.Expiration = terms.Expiration;
        entry.StaleWhileRevalidate = terms.StaleWhileRevalidate;
        entry.StaleIfError = terms.StaleIfError;
        Response.AddTo(entry);
        return page;
    }

    /// <summary>The engine has begun to renew the page that this request was given, with <see cref="LeadAsync"/>.</summary>
    public void Refreshes(Task refresh, Task elsewhere) => (_refresh, _elsewhere) = (refresh, elsewhere);

    /// <summary>The middleware stores the response of this request: hands it to the engine and waits until that has stored it.</summary>
    public async ValueTask StoreAsync(ReadOnlySequence<byte> response, CancellationToken cancellationToken)
    {
        if (!Leads || Terms is not { } terms)
        {
            return;
        }

        // Settled here and not by the engine, so that what Cache-Status says of the page is true.
        terms = terms with { Expiration = space.Engine.Jittered(space, terms.Expiration) };
        var content = PageContent.Copy(response, Status);
        Body?.Complete(content);
        var page = new Page(content)
        {
            Created = space.Engine.Clock.UtcNowMilliseconds,
            Life = EngineClock.Milliseconds(terms.Expiration),
            Status = Status,
        };
        End(new PageOutcome { Page = page, Terms = terms });
        await _load!.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Looks at the response when it begins.</summary>
    public void Watch() => _watched = WatchedBody.Begin(
        http, () => IsEncodedOutside = !http.Response.Headers.Vary.Any(static line => line?.Contains(HeaderNames.AcceptEncoding, StringComparison.OrdinalIgnoreCase) == true));

    /// <summary>Sends the response that was held back.</summary>
    public async ValueTask EndBodyAsync(bool isStored) => _isNotModified = await Body!.EndAsync(isStored).ConfigureAwait(false);

    /// <summary>The response is not stored, for the reason given: those who wait are let go.</summary>
    public void Refuse(string reason) =>
        End(reason == ResponseRules.Aborted || Status >= StatusCodes.Status500InternalServerError ? PageOutcome.Failed : PageOutcome.NotStored);

    /// <summary>The request computes no page any more. Only the first outcome counts.</summary>
    public void End(PageOutcome outcome)
    {
        TaskCompletionSource<PageOutcome>? waiting;
        lock (_lock)
        {
            _ended = true;
            waiting = _outcome;
        }

        waiting?.TrySetResult(outcome);
    }

    /// <summary>The request is over, however it went.</summary>
    public void Dispose()
    {
        // A response that was complete, and that the middleware did not hand over, was too large to be stored.
        End(Terms is null ? PageOutcome.Failed : PageOutcome.NotStored);
        Body?.Restore();
        _watched?.Restore();
        _leaving?.Dispose();
        if (_lifetime is not null)
        {
            http.Features.Set(_lifetime.Original);
            _lifetime.Dispose();
        }
    }

    private bool TryLead(Task load)
    {
        lock (_lock)
        {
            if (_outcome is null)
            {
                return false;
            }
        }

        Leads = true;
        _load = load;
        Observe(load);
        if (_leadToken.CanBeCanceled && http.Features.Get<IHttpRequestLifetimeFeature>() is { } original)
        {
            http.Features.Set<IHttpRequestLifetimeFeature>(_lifetime = new PageLifetime(original, space.Engine.Clock.Provider, _refresh is null ? null : EngineClock.Span(space.Engine.BackgroundPatience), _leadToken));
        }

        return true;
    }

    // Nobody else will look at how it ends.
    private static void Observe(Task load) =>
        _ = load.ContinueWith(static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private Task LeadSignal()
    {
        lock (_lock)
        {
            return _outcome is not null ? Task.CompletedTask : (_leadSignal ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }
}
