using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
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

    private const int NumberLength = 16;

    private static readonly CacheEntryPolicy LookOnly = new() { Flags = HybridCacheEntryFlags.DisableUnderlyingData };

    private readonly ConcurrentDictionary<long, PageRequest> _tickets = new();

    // A path may hold any text. Nobody outside of this process knows this one, so nobody can write another's ticket.
    private readonly string _ticketMark = $"larder:ticket:{RandomId.Next():x16}{RandomId.Next():x16}:";
    private long _lastTicket;
    private int _waiting;

    public CacheEngine Engine => engine;

    /// <summary>How many requests are under way that have a ticket.</summary>
    public int TicketCount => _tickets.Count;

    /// <summary>How many requests wait for a page, or to be told that they compute it.</summary>
    public int WaitingCount => Volatile.Read(ref _waiting);

    public void Waiting(int change) => Interlocked.Add(ref _waiting, change);

    /// <summary>Notes a request until it is withdrawn, under a number that no other has.</summary>
    public long Issue(PageRequest request)
    {
        var ticket = Interlocked.Increment(ref _lastTicket);
        _tickets[ticket] = request;
        return ticket;
    }

    /// <summary>A key that leads to the request, and that nobody can guess.</summary>
    public string KeyOf(long ticket) => string.Create(_ticketMark.Length + NumberLength, (_ticketMark, ticket), static (text, state) =>
    {
        state._ticketMark.CopyTo(text);
        Span<byte> number = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(number, state.ticket);
        _ = Convert.TryToHexStringLower(number, text[state._ticketMark.Length..], out _);
    });

    public void Withdraw(long ticket) => _tickets.TryRemove(ticket, out _);

    public async ValueTask<byte[]?> GetAsync(string key, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (IsTicket(key, out var request))
        {
            return request?.Found?.Content;
        }

        if (IsUnshared(key))
        {
            return null;
        }

        var page = await engine.GetOrLoadAsync<NoLoader<Page>, Page>(Pages(), PlainKey(key), default, LookOnly, null, cancellationToken).ConfigureAwait(false);
        return page?.Content;
    }

    public ValueTask SetAsync(string key, ReadOnlySequence<byte> value, ReadOnlyMemory<string> tags, TimeSpan validFor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (IsTicket(key, out var request))
        {
            return request is null ? default : request.StoreAsync(value, cancellationToken);
        }

        if (IsUnshared(key))
        {
            return default;
        }

        // Copied before anything is awaited: the memory is the caller's, who uses it again. And as it is, because Age is the middleware's here.
        var page = new Page(value.ToArray()) { Created = engine.Clock.UtcNowMilliseconds, Life = EngineClock.Milliseconds(validFor) };
        return engine.SetAsync(Pages(), PlainKey(key), page, new HybridCacheEntryOptions { Expiration = validFor }, tags.ToArray(), null, cancellationToken);
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

    private ScopeState Pages() => engine.Scope(PageScope.Of(CacheScope.Current)).Pages;

    private static bool IsUnshared(string key) => key.Contains(Unshared, StringComparison.Ordinal);

    // The framework puts more around what it was given.
    private bool IsTicket(string key, out PageRequest? request)
    {
        request = null;
        var at = key.AsSpan().IndexOf(_ticketMark);
        if (at < 0)
        {
            return false;
        }

        var rest = key.AsSpan(at + _ticketMark.Length);
        if (rest.Length >= NumberLength && long.TryParse(rest[..NumberLength], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var ticket))
        {
            _tickets.TryGetValue(ticket, out request);
        }

        return true;
    }

    // Apart from the keys of routes, which begin with another field.
    private static string PlainKey(string key)
    {
        var fields = new KeyFields(stackalloc char[KeyFields.MaximumReadableLength]);
        fields.Add("plain");
        fields.Add(key);
        return fields.Finish();
    }
}
