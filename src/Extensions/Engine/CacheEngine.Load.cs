using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using Larder.Diagnostics;
using Larder.Tags;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    /// <summary>A read that memory could not answer: joins the load of the key, or leads one.</summary>
    private ValueTask<T> LoadAsync<TLoader, T>(
        ScopeState scope, string? keyText, TLoader loader, in EntryPolicy policy, IEnumerable<string>? tags, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        if (!IsCacheable(keyText) || policy.Expiration <= TimeSpan.Zero)
        {
            return policy.RunsFactory ? LoadUncachedAsync<TLoader, T>(scope, keyText ?? "", loader, policy, cancellationToken) : default;
        }

        var groups = ResolveTags(scope, tags, out var names);
        var key = new MemoryKey(scope, keyText);
        if (_flights.JoinOrAdd<T>(key, policy.Flags, _groups.Counter, groups, cancellationToken.CanBeCanceled || policy.Rules.HasTimeouts, out var flight))
        {
            return JoinAsync(flight, loader, policy, names, cancellationToken);
        }

        var load = new Load<T>(flight, policy, names, groups);
        if (policy.Rules.HasTimeouts)
        {
            return LeadPatientlyAsync(load, loader, cancellationToken);
        }

        var led = LeadAsync(load, loader);
        if (led.IsCompleted || !cancellationToken.CanBeCanceled)
        {
            return led;
        }

        return AwaitOwnLoadAsync(led.AsTask(), flight, cancellationToken);
    }

    private async ValueTask<T> JoinAsync<TLoader, T>(Flight<T> flight, TLoader loader, EntryPolicy policy, IEnumerable<string>? tags, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        var began = policy.Rules.HasTimeouts ? _clock.Provider.GetTimestamp() : 0;
        if (policy.Rules.HasTimeouts && await AwaitLoadAsync<T>(flight.End, flight, policy, cancellationToken).ConfigureAwait(false) is { StandsIn: true } standIn && !flight.IsOvertaken)
        {
            return standIn.Value;
        }

        var scope = flight.Key.Scope;
        FlightResult<T> result = default;
        ExceptionDispatchInfo? failure = null;
        try
        {
            result = await flight.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (flight.Stale is not null && !cancellationToken.IsCancellationRequested)
        {
            failure = ExceptionDispatchInfo.Capture(exception);
        }

        if (flight.IsOvertaken)
        {
            // The flight cannot be joined any more, so this leads another or joins one that began later.
            return await LoadAsync<TLoader, T>(scope, flight.Key.Key, loader, Left(policy, began), tags, cancellationToken).ConfigureAwait(false);
        }

        if (TryRead(result, out var value))
        {
            return value;
        }

        if ((failure is not null || flight.IsHeldBack) && await StandInAsync(flight, policy, failure is null ? Held : Failed).ConfigureAwait(false) is { StandsIn: true } stale)
        {
            return stale.Value;
        }

        failure?.Throw();
        return policy.RunsFactory
            ? await LoadUncachedAsync<TLoader, T>(scope, flight.Key.Key, loader, Left(policy, began), cancellationToken).ConfigureAwait(false)
            : default!;
    }

    // What is left of the caller's patience.
    private EntryPolicy Left(in EntryPolicy policy, long began)
    {
        if (policy.Rules.HardTimeout == Timeout.InfiniteTimeSpan)
        {
            return policy;
        }

        var left = policy.Rules.HardTimeout - _clock.Provider.GetElapsedTime(began);
        return policy with { Rules = policy.Rules with { HardTimeout = left > TimeSpan.Zero ? left : TimeSpan.Zero } };
    }

    /// <summary>Runs a factory for its caller alone.</summary>
    private ValueTask<T> LoadUncachedAsync<TLoader, T>(ScopeState scope, string key, TLoader loader, in EntryPolicy policy, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T> =>
        policy.Rules.HardTimeout == Timeout.InfiniteTimeSpan
            ? LoadUncachedAsync<TLoader, T>(scope, key, loader, cancellationToken)
            : LoadUncachedAsync<TLoader, T>(scope, key, loader, policy.Rules.HardTimeout, cancellationToken);

    private async ValueTask<T> LoadUncachedAsync<TLoader, T>(ScopeState scope, string key, TLoader loader, TimeSpan timeout, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        // Nobody else wants what it loads, so it need not go on when its caller has left.
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var load = Task.Run(() => LoadUncachedAsync<TLoader, T>(scope, key, loader, leaving.Token).AsTask(), CancellationToken.None);
        await ((Task)load).WaitAsync(timeout, _clock.Provider, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (load.IsCompleted)
        {
            return await load.ConfigureAwait(false);
        }

        Observe(load);
        await leaving.CancelAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        throw new TimeoutException(FormattableString.Invariant($"The value was not loaded within {timeout} (HardTimeout)."));
    }

    private async ValueTask<T> LoadUncachedAsync<TLoader, T>(ScopeState scope, string key, TLoader loader, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        var context = loader.TakesContext ? new CacheEntryContext(key, scope.Scope, _scopes, stale: null, isBackground: false) : null;
        try
        {
            var value = await loader.LoadAsync(context, cancellationToken).ConfigureAwait(false);
            return context?.Failure is { } reason ? throw new CacheLoadException(reason) : value;
        }
        finally
        {
            if (context is not null)
            {
                await context.EndAsync().ConfigureAwait(false);
            }
        }
    }

    // On a thread of its own, so that even a factory that blocks can be left.
    private async ValueTask<T> LeadPatientlyAsync<TLoader, T>(Load<T> load, TLoader loader, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        var led = Task.Run(() => LeadAsync(load, loader).AsTask(), CancellationToken.None);
        var waited = await AwaitLoadAsync<T>(led, load.Flight, load.Policy, cancellationToken).ConfigureAwait(false);
        return waited.StandsIn ? waited.Value : await led.ConfigureAwait(false);
    }

    private bool TryRead<T>(in FlightResult<T> result, [MaybeNullWhen(false)] out T value)
    {
        if (result.IsShareable)
        {
            try
            {
                value = result.Read();
                return true;
            }
            catch (Exception exception)
            {
                LogSerializerFailed<T>(exception);
            }
        }

        value = default;
        return false;
    }

    // The caller may leave while the load goes on for those who joined it.
    private static async ValueTask<T> AwaitOwnLoadAsync<T>(Task<T> load, Flight<T> flight, CancellationToken cancellationToken)
    {
        try
        {
            return await load.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && !load.IsCompleted)
        {
            flight.Leave();
            _ = load.ContinueWith(static abandoned => _ = abandoned.Exception, TaskScheduler.Default);
            throw;
        }
    }

    private async ValueTask<T> LeadAsync<TLoader, T>(Load<T> load, TLoader loader)
        where TLoader : struct, ILoader<T>
    {
        var flight = load.Flight;
        try
        {
            // A load may have ended between the look into memory and the entry in the table.
            T value;
            if (load.Refreshes is null && load.Policy.ReadsMemory && _memory.TryGet(flight.Key.Scope, flight.Key.Key, out var entry))
            {
                // Noted before the look that decides: who joins after a tag of the entry was invalidated must find that out.
                flight.FoundTags = entry.Tags;
                if (TryServe(entry, load.Policy.RunsFactory, isVerified: false, out value!, out var isDue))
                {
                    load.Due = isDue ? entry : null;
                    flight.Kind = entry is NegativeEntry ? CacheResultKind.NotFound : CacheResultKind.Found;
                    flight.Succeed(Shareable(load, value));
                    return value;
                }

                flight.FoundTags = null;
                if (_second is null && entry.Terms is not null)
                {
                    flight.Replaces(entry);
                    if (IsHeld(load) && await StandInAsync(flight, load.Policy, Held).ConfigureAwait(false) is { StandsIn: true } held)
                    {
                        flight.IsHeldBack = true;
                        flight.Succeed(FlightResult<T>.Unshareable);
                        return held.Value;
                    }
                }
            }

            if (_second is not null)
            {
                value = await LeadWithSecondLevelAsync(load, loader).ConfigureAwait(false);
            }
            else if (load.Policy.RunsFactory && await TryAwaitRefreshAsync(load).ConfigureAwait(false) is { Ended: true } refresh)
            {
                value = refresh.Value;
            }
            else if (load.Policy.RunsFactory)
            {
                var generation = _groups.Counter;
                value = await RunFactoryAsync(load, loader).ConfigureAwait(false);
                if (TryAddLateTags(load, generation) && !load.IsNotStored)
                {
                    StoreInMemoryOnly(load, value, generation, origin: null);
                }
            }
            else
            {
                flight.Kind = CacheResultKind.Missing;
                value = default!;
            }

            flight.Succeed(flight.IsHeldBack ? FlightResult<T>.Unshareable : load.Result ?? Shareable(load, value));
            return value;
        }
        catch (Exception exception)
        {
            // When all callers have left there is nobody to stand in for.
            if (!flight.Token.IsCancellationRequested && await StandInAsync(flight, load.Policy, Failed).ConfigureAwait(false) is { StandsIn: true } standIn)
            {
                // Each of those who joined asks for itself.
                LogStandIn<T>(exception);
                flight.Fail(exception);
                return standIn.Value;
            }

            if (load.Refreshes is not null && !_stoppingToken.IsCancellationRequested)
            {
                LogRefreshFailed<T>(exception);
            }

            flight.Fail(exception);
            throw;
        }
        finally
        {
            if (load.Due is { } due)
            {
                // While the flight is in the table: a change of the key since it found the value shows in it.
                StartRefresh<TLoader, T>(due, loader, load.Policy, load.TagNames, flight);
            }

            _flights.Remove(flight);
            if (flight.IsDetached)
            {
                flight.DisposeToken();
                Interlocked.Decrement(ref _refreshes);
            }
        }
    }

    /// <summary>The result of a load that goes on in the background, for one that would run its own factory beside it.</summary>
    private async ValueTask<(bool Ended, T Value)> TryAwaitRefreshAsync<T>(Load<T> load)
    {
        var flight = load.Flight;
        if (RefreshCount == 0 || load.Refreshes is not null || !_flights.TryJoinRefresh(flight, load.Policy.Flags, load.Groups, out var refresh))
        {
            return default;
        }

        flight.StartFactory();
        var result = await refresh.WaitAsync(flight.Token).ConfigureAwait(false);
        if (refresh.IsOvertaken || !TryRead(result, out var value))
        {
            return default;
        }

        flight.FoundTags = refresh.FoundTags;
        flight.Kind = refresh.Kind;
        return (true, value);
    }

    // A load of the value has failed a moment ago and is not to be tried again.
    private bool IsHeld<T>(Load<T> load) => load.Refreshes is null && load.Flight.Stale?.Terms is { } terms && _clock.Now < terms.RetryAt;

    private async ValueTask<T> RunFactoryAsync<TLoader, T>(Load<T> load, TLoader loader)
        where TLoader : struct, ILoader<T>
    {
        if (_metrics.Misses.Enabled)
        {
            _metrics.Misses.Add(1);
        }

        var flight = load.Flight;
        var context = loader.TakesContext ? new CacheEntryContext(flight.Key.Key, flight.Key.Scope.Scope, _scopes, flight.Stale, load.Refreshes is not null) : null;
        flight.StartFactory();
        try
        {
            var value = await loader.LoadAsync(context, flight.Token).ConfigureAwait(false);
            if (context?.Failure is { } reason)
            {
                throw new CacheLoadException(reason);
            }

            if (context is { IsNotModified: true } && !context.TryGetStale(out value!))
            {
                throw new InvalidOperationException($"The factory said NotModified(), but the stale value of '{flight.Key.Key}' is no {typeof(T)}. Call TryGetStale<{typeof(T).Name}> first, and load the value if it gives none.");
            }

            Decide(load, context, value);
            return value;
        }
        finally
        {
            if (context is not null)
            {
                await context.EndAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>What those who joined get: the value itself if it may be shared, otherwise bytes to read a copy from.</summary>
    private FlightResult<T> Shareable<T>(Load<T> load, T value)
    {
        if (Immutability<T>.IsImmutable || value is null)
        {
            return FlightResult<T>.Shared(value);
        }

        // Nobody has joined yet and the flight is about to end; one who joins at this very moment loads for itself.
        if (!load.Flight.IsShared)
        {
            return FlightResult<T>.Unshareable;
        }

        using var writer = TrySerialize(value, header: null);
        return writer is null ? FlightResult<T>.Unshareable : FlightResult<T>.Copied(
            new SerializedEntry<T>(Metadata(load, generation: 0, origin: null, writer.Length), writer.Written.ToArray(), _serializers.Get<T>()));
    }

    private void StoreInMemoryOnly<T>(Load<T> load, T value, long generation, EntryOrigin? origin)
    {
        if (!load.Policy.WritesMemory || !_keepsMemory)
        {
            return;
        }

        if (load.Flight.Kind == CacheResultKind.NotFound)
        {
            StoreInMemory(load, new NegativeEntry(Metadata(load, generation, origin, 0)));
            return;
        }

        if (Immutability<T>.IsImmutable || value is null)
        {
            StoreInMemory(load, new ValueEntry<T>(Metadata(load, generation, origin, EstimateSize(value)), value));
            return;
        }

        using var writer = TrySerialize(value, header: null);
        if (writer is null)
        {
            load.Result = FlightResult<T>.Unshareable;
        }
        else
        {
            StoreInMemory(load, new SerializedEntry<T>(Metadata(load, generation, origin, writer.Length), writer.Written.ToArray(), _serializers.Get<T>()));
        }
    }

    private void StoreInMemory<T>(Load<T> load, MemoryEntry entry)
    {
        if (entry is SerializedEntry<T> serialized)
        {
            load.Result = FlightResult<T>.Copied(serialized);
        }

        if (load.Policy.WritesMemory && _keepsMemory)
        {
            load.Flight.Store((_memory, entry), static state => state._memory.Set(state.entry));
        }
        else if (!_keepsMemory)
        {
            // A value that stood in here is replaced by what the wrapped cache now holds.
            _memory.Remove(entry.Scope, entry.Key, EntryDeparture.Replaced);
        }
    }

    private EntryMetadata Metadata<T>(Load<T> load, long generation, EntryOrigin? origin, int payloadSize) =>
        Metadata(load.Flight.Key, load.Policy, load.ETag, _clock.UtcNowMilliseconds, generation, origin, load.Groups, load.Indexes, payloadSize);

    /// <summary>What a new entry is made of that was loaded or set just now.</summary>
    private EntryMetadata Metadata(MemoryKey key, in EntryPolicy policy, string? etag, long created, long generation, EntryOrigin? origin, Group[]? tags, CacheIndex[]? indexes, int payloadSize)
    {
        var life = EngineClock.Milliseconds(policy.Expiration);
        return Metadata(key, policy, policy.StoredTerms(etag), life, life, created, generation, origin, tags, indexes, payloadSize);
    }

    /// <summary>What a new entry is made of that was given <paramref name="life"/> milliseconds, of which <paramref name="left"/> are left.</summary>
    private EntryMetadata Metadata(
        MemoryKey key, in EntryPolicy policy, StoredTerms stored, long life, long left, long created, long generation, EntryOrigin? origin, Group[]? tags, CacheIndex[]? indexes, int payloadSize)
    {
        var now = _clock.Now;
        var expires = EngineClock.AddSaturating(now, left);
        var freshUntil = Math.Min(EngineClock.AddSaturating(now, policy.LocalExpiration), expires);
        var refreshAt = policy.Rules.RefreshAt(expires, life);
        EntryTerms? terms = null;
        if (!stored.IsDefault || refreshAt != long.MaxValue)
        {
            terms = new EntryTerms(expires, refreshAt, stored);
            terms.Begin(now);
        }

        return new EntryMetadata
        {
            Scope = key.Scope,
            Key = key.Key,
            Generation = generation,
            FreshUntil = freshUntil,
            Terms = terms,
            ServeUntil = ServeUntil(terms, freshUntil, now),
            VerifiedAt = now,
            CreatedAtUtc = created,
            Indexes = indexes,
            Size = EntryOverhead + (key.Key.Length * 2) + payloadSize + SizeOf(tags) + SizeOf(indexes) + (terms is null ? 0 : EntryTerms.Overhead + ((stored.ETag?.Length ?? 0) * 2)),
            Tags = tags,
            Origin = origin,
        };
    }

    // What an entry costs besides its text and value: the entry itself, its node in the table, its place in a queue.
    private const int EntryOverhead = 176;

    // What a tag costs that no other entry has: its group, its name twice and its place in the scope's table.
    private static int SizeOf(Group[]? tags)
    {
        var size = 0;
        foreach (var tag in tags ?? [])
        {
            size += 200 + (tag.Id.Length * 4);
        }

        return size;
    }

    // The texts, and a key's place in a set.
    private static int SizeOf(CacheIndex[]? indexes) => indexes?.Sum(index => 100 + ((index.Name.Length + index.Value.Length) * 2)) ?? 0;

    private static int EstimateSize<T>(T value) => value is string text ? 24 + (text.Length * 2) : 24 + System.Runtime.CompilerServices.Unsafe.SizeOf<T>();

    /// <summary>Serializes a value, behind a header if there is one. Null if it is too large or its serializer fails; both are logged.</summary>
    private PayloadWriter? TrySerialize<T>(T value, EntryHeader? header)
    {
        var writer = new PayloadWriter(_options.MaximumPayloadBytes);
        try
        {
            if (header is { } known)
            {
                writer.Limit = long.MaxValue;
                EntryPayload.WriteHeader(writer, known);
                writer.Limit = _options.MaximumPayloadBytes + writer.Length;
            }

            var headerLength = writer.Length;
            if (value is not null)
            {
                _serializers.Get<T>().Serialize(value, writer);
            }

            if (header is not null)
            {
                EntryPayload.Seal(writer.WrittenSpan, headerLength);
            }

            return writer;
        }
        catch (PayloadTooLargeException)
        {
            LogValueTooLarge<T>();
            _metrics.Unstored.Add(1, LarderMetrics.Tag("reason", "too_large"));
        }
        catch (Exception exception)
        {
            LogSerializerFailed<T>(exception);
            _metrics.Unstored.Add(1, LarderMetrics.Tag("reason", "serializer"));
        }

        writer.Dispose();
        return null;
    }
}

/// <summary>What belongs to one load besides its factory. The factory may change all but the flight.</summary>
internal sealed class Load<T>(Flight<T> flight, EntryPolicy policy, string[]? tagNames, Group[]? groups)
{
    public Flight<T> Flight { get; } = flight;

    public EntryPolicy Policy { get; set; } = policy;

    public string[]? TagNames { get; set; } = tagNames;

    public Group[]? Groups { get; set; } = groups;

    /// <summary>The factory has given the entry a longer life than the stamps were asked to have.</summary>
    public bool NeedsLongerStamps { get; set; }

    /// <summary>Tags the factory added.</summary>
    public string[]? LateTags { get; set; }

    public bool IsNotStored { get; set; }

    /// <summary>The sets the value belongs to.</summary>
    public CacheIndex[]? Indexes { get; set; }

    /// <summary>The value was stored wherever it was to be stored.</summary>
    public bool IsStored { get; set; }

    /// <summary>What the source calls this version of the value.</summary>
    public string? ETag { get; set; }

    /// <summary>The entry that this load replaces in the background, while it is served.</summary>
    public MemoryEntry? Refreshes { get; init; }

    /// <summary>Tags of that entry.</summary>
    public Group[]? Watched => Refreshes?.Tags;

    /// <summary>An entry found on the way that is served and due for a load in the background.</summary>
    public MemoryEntry? Due { get; set; }

    /// <summary>What those who joined get, once storing has produced it.</summary>
    public FlightResult<T>? Result { get; set; }
}
