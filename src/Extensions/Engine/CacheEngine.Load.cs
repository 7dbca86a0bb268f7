using System.Diagnostics.CodeAnalysis;
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
            return policy.RunsFactory ? loader.LoadAsync(loader.TakesContext ? new CacheEntryContext(keyText ?? "", scope.Scope) : null, cancellationToken) : default;
        }

        var groups = ResolveTags(scope, tags, out var names);
        var key = new MemoryKey(scope, keyText);
        if (_flights.JoinOrAdd<T>(key, policy.Flags, _groups.Counter, groups, cancellationToken.CanBeCanceled, out var flight))
        {
            return JoinAsync(flight, loader, policy, names, cancellationToken);
        }

        var load = new Load<T>(flight, policy, names, groups);
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
        var result = await flight.WaitAsync(cancellationToken).ConfigureAwait(false);
        var scope = flight.Key.Scope;
        if (flight.IsOvertaken)
        {
            // The flight cannot be joined any more, so this leads another or joins one that began later.
            return await LoadAsync<TLoader, T>(scope, flight.Key.Key, loader, policy, tags, cancellationToken).ConfigureAwait(false);
        }

        if (TryRead(result, out var value))
        {
            return value;
        }

        return policy.RunsFactory
            ? await loader.LoadAsync(loader.TakesContext ? new CacheEntryContext(flight.Key.Key, scope.Scope) : null, cancellationToken).ConfigureAwait(false)
            : default!;
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
            if (load.Policy.ReadsMemory && _memory.TryGet(flight.Key.Scope, flight.Key.Key, out var entry))
            {
                // Noted before the look that decides: who joins after a tag of the entry was invalidated must find that out.
                flight.FoundTags = entry.Tags;
                if (IsServable(entry) && TryReadEntry(entry, out value!))
                {
                    flight.Kind = entry is NegativeEntry ? CacheResultKind.NotFound : CacheResultKind.Found;
                    flight.Succeed(Shareable(load, value));
                    return value;
                }

                flight.FoundTags = null;
            }

            if (_second is not null)
            {
                value = await LeadWithSecondLevelAsync(load, loader).ConfigureAwait(false);
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

            flight.Succeed(load.Result ?? Shareable(load, value));
            return value;
        }
        catch (Exception exception)
        {
            flight.Fail(exception);
            throw;
        }
        finally
        {
            _flights.Remove(flight);
        }
    }

    private async ValueTask<T> RunFactoryAsync<TLoader, T>(Load<T> load, TLoader loader)
        where TLoader : struct, ILoader<T>
    {
        if (_metrics.Misses.Enabled)
        {
            _metrics.Misses.Add(1);
        }

        var context = loader.TakesContext ? new CacheEntryContext(load.Flight.Key.Key, load.Flight.Key.Scope.Scope) : null;
        var value = await loader.LoadAsync(context, load.Flight.Token).ConfigureAwait(false);
        Decide(load, context, value);
        return value;
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
    }

    private EntryMetadata Metadata<T>(Load<T> load, long generation, EntryOrigin? origin, int payloadSize)
    {
        var now = _clock.Now;
        return Metadata(load.Flight.Key, load.Policy.LocalExpiration, now, _clock.UtcNowMilliseconds, generation, origin, load.Groups, payloadSize);
    }

    private EntryMetadata Metadata(
        MemoryKey key, TimeSpan localExpiration, long now, long created, long generation, EntryOrigin? origin, Group[]? tags, int payloadSize)
    {
        var expires = EngineClock.AddSaturating(now, localExpiration);
        return new EntryMetadata
        {
            Scope = key.Scope,
            Key = key.Key,
            Generation = generation,
            ExpiresAt = expires,
            ServeUntil = ServeUntil(now, expires),
            VerifiedAt = now,
            CreatedAtUtc = created,
            Size = EntryOverhead + (key.Key.Length * 2) + payloadSize + SizeOf(tags),
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

    /// <summary>What those who joined get, once storing has produced it.</summary>
    public FlightResult<T>? Result { get; set; }
}
