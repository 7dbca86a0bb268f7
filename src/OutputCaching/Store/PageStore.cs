using System.Buffers;
using Larder.Engine;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Http;

/// <summary>
/// The store of the output-cache middleware on the engine's levels. Keys of <c>[CacheRoute]</c> are tickets, each of which leads to the
/// state of one request; all others are keys of the framework's own policies, whose pages are plain entries in the scope of the running call.
/// </summary>
internal sealed class PageStore(CacheEngine engine) : IOutputCacheBufferStore
{
    /// <summary>In a key of the framework's: the page has no owner that is known, so it is not kept.</summary>
    public const string Unshared = "larder:unshared:";

    private static readonly CacheEntryPolicy LookOnly = new() { Flags = HybridCacheEntryFlags.DisableUnderlyingData };

    private int _waiting;

    public CacheEngine Engine => engine;

    /// <summary>The requests under way.</summary>
    public PageTickets Tickets { get; } = new();

    /// <summary>How many requests wait for a page, or to be told that they compute it.</summary>
    public int WaitingCount => Volatile.Read(ref _waiting);

    public void Waiting(int change) => Interlocked.Add(ref _waiting, change);

    public ValueTask<byte[]?> GetAsync(string key, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Tickets.IsTicket(key, out var request) ? new(request?.Found?.Content)
            : IsUnshared(key) ? default
            : GetPlainAsync(key, cancellationToken);
    }

    public ValueTask SetAsync(string key, ReadOnlySequence<byte> value, ReadOnlyMemory<string> tags, TimeSpan validFor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (Tickets.IsTicket(key, out var request))
        {
            return request?.Request?.StoreAsync(value, cancellationToken) ?? default;
        }

        if (IsUnshared(key))
        {
            return default;
        }

        // Copied before anything is awaited: the memory is the caller's, who uses it again. And as it is, because Age is the middleware's here.
        var page = new Page(value.ToArray()) { Created = engine.Clock.UtcNowMilliseconds, Life = EngineClock.Milliseconds(validFor) };
        return engine.SetAsync(Pages(), PlainKey(key), page, new HybridCacheEntryOptions { Expiration = validFor }, tags.ToArray(), null, cancellationToken, PlainRun.Use());
    }

    public ValueTask SetAsync(string key, byte[] value, string[]? tags, TimeSpan validFor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(value);
        return SetAsync(key, new ReadOnlySequence<byte>(value), tags, validFor, cancellationToken);
    }

    public ValueTask EvictByTagAsync(string tag, CancellationToken cancellationToken) => EvictByTagAsync(CacheScope.Current, tag, cancellationToken);

    public ValueTask EvictByTagAsync(CacheScope scope, string tag, CancellationToken cancellationToken) =>
        engine.RemoveByTagAsync(engine.Scope(PageScope.Of(scope)), tag, cancellationToken);

    public ValueTask<long> EvictByIndexAsync(CacheScope scope, CacheIndex index, CancellationToken cancellationToken) =>
        engine.RemoveByIndexAsync(engine.Scope(PageScope.Of(scope)).Pages, [index], cancellationToken);

    // The middleware reads only into arrays; copied here for whoever calls it.
    public async ValueTask<bool> TryGetAsync(string key, System.IO.Pipelines.PipeWriter destination, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (await GetAsync(key, cancellationToken).ConfigureAwait(false) is not { } content)
        {
            return false;
        }

        await destination.WriteAsync(content, cancellationToken).ConfigureAwait(false);
        return true;
    }

    private async ValueTask<byte[]?> GetPlainAsync(string key, CancellationToken cancellationToken)
    {
        var page = await engine.GetOrLoadAsync<NoLoader<Page>, Page>(Pages(), PlainKey(key), default, LookOnly, null, cancellationToken).ConfigureAwait(false);
        if (page is null && PlainRun.Current is { } run)
        {
            // The endpoint runs after this.
            run.Began = await engine.NoteAsync(Pages(), run.Began).ConfigureAwait(false);
        }

        return page?.Content;
    }

    private ScopeState Pages() => engine.Scope(PageScope.Of(CacheScope.Current)).Pages;

    private static bool IsUnshared(string key) => key.Contains(Unshared, StringComparison.Ordinal);

    // Apart from the keys of routes, which begin with another field.
    private static string PlainKey(string key)
    {
        var fields = new KeyFields(stackalloc char[KeyFields.MaximumReadableLength]);
        fields.Add("plain");
        fields.Add(key);
        return fields.Finish();
    }
}
