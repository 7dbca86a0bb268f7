using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Larder.Diagnostics;
using Larder.Tags;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    /// <summary>The way of every read: a hit in memory ends here, without awaiting or allocating.</summary>
    public ValueTask<T> GetOrCreateAsync<TState, T>(
        ScopeState scope,
        ReadOnlySpan<char> key,
        string? keyText,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> factory,
        HybridCacheEntryOptions? options,
        IEnumerable<string>? tags,
        CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<T>(cancellationToken);
        }

        if ((options is null ? scope.Defaults.ReadsMemory : scope.Defaults.LooksIntoMemory(options.Expiration, options.Flags)) && TryHit<T>(scope, key, out var value))
        {
            return new(value);
        }

        var policy = new EntryPolicy(scope.Defaults, options);
        var loader = new PlainLoader<TState, T>(state, factory);
        return TryHitLate<PlainLoader<TState, T>, T>(scope, key, loader, policy, tags, out value)
            ? new(value)
            : LoadAsync<PlainLoader<TState, T>, T>(scope, keyText ?? key.ToString(), loader, policy, tags, cancellationToken);
    }

    /// <summary>The same for a factory that decides about its entry.</summary>
    public ValueTask<T> GetOrCreateAsync<TState, T>(
        ScopeState scope,
        string key,
        TState state,
        Func<TState, CacheEntryContext, CancellationToken, ValueTask<T>> factory,
        CacheEntryPolicy? callPolicy,
        IEnumerable<string>? tags,
        CancellationToken cancellationToken) =>
        GetOrLoadAsync<ContextLoader<TState, T>, T>(scope, key, new(state, factory), callPolicy, tags, cancellationToken);

    /// <summary>The same for any loader.</summary>
    public ValueTask<T> GetOrLoadAsync<TLoader, T>(
        ScopeState scope, string key, TLoader loader, CacheEntryPolicy? callPolicy, IEnumerable<string>? tags, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<T>(cancellationToken);
        }

        _ = callPolicy?.Over(scope.Defaults.Rules);
        if ((callPolicy is null ? scope.Defaults.ReadsMemory : scope.Defaults.LooksIntoMemory(callPolicy.Expiration, callPolicy.Flags)) && TryHit<T>(scope, key, out var value))
        {
            return new(value);
        }

        var policy = new EntryPolicy(scope.Defaults, callPolicy);
        return TryHitLate<TLoader, T>(scope, key, loader, policy, tags, out value) ? new(value) : LoadAsync<TLoader, T>(scope, key, loader, policy, tags, cancellationToken);
    }

    /// <summary>
    /// What a read finds in memory at once, and nothing that has something due. Who gets nothing goes on with <see cref="GetOrLoadAsync"/>; until then nothing was
    /// counted.
    /// </summary>
    public bool TryGetFromMemory<T>(ScopeState scope, ReadOnlySpan<char> key, CacheEntryPolicy callPolicy, [MaybeNullWhen(false)] out T value)
    {
        if (scope.Defaults.LooksIntoMemory(callPolicy.Expiration, callPolicy.Flags))
        {
            return TryHit(scope, key, out value);
        }

        value = default;
        return false;
    }

    /// <summary>What the cache holds, without running a factory. What only the second level holds is in memory afterwards.</summary>
    public async ValueTask<CacheResult<T>> TryGetAsync<T>(ScopeState scope, string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentNullException.ThrowIfNull(key);
        var policy = new EntryPolicy(scope.Defaults, options: (HybridCacheEntryOptions?)null) { Flags = scope.Defaults.Flags | HybridCacheEntryFlags.DisableUnderlyingData };
        if (!IsCacheable(key) || policy.Expiration <= TimeSpan.Zero)
        {
            return default;
        }

        var memoryKey = new MemoryKey(scope, key);
        while (true)
        {
            var joined = _flights.JoinOrAdd<T>(memoryKey, policy.Flags, _groups.Counter, null, cancellationToken.CanBeCanceled, out var flight);
            T? value;
            if (joined)
            {
                var result = await flight.WaitAsync(cancellationToken).ConfigureAwait(false);
                if (flight.IsOvertaken || !result.IsShareable)
                {
                    continue;
                }

                if (!TryRead(result, out value))
                {
                    return default;
                }

                CountJoined(scope);
            }
            else
            {
                value = await AwaitOwnLoadAsync(LeadAsync(new Load<T>(flight, policy, null, null), default(NoLoader<T>)).AsTask(), flight, cancellationToken).ConfigureAwait(false);
            }

            return new CacheResult<T>(flight.Kind, flight.Kind == CacheResultKind.Found ? value : default);
        }
    }

    /// <summary>A value from memory, if there is one that may be served as it stands.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryHit<T>(ScopeState scope, ReadOnlySpan<char> key, [MaybeNullWhen(false)] out T value)
    {
        if (_memory.TryGet(scope, key, out var entry))
        {
            var now = _clock.Now;
            if (now < entry.ServeUntil && now < Volatile.Read(ref _trustedUntil) && entry.IsCurrent())
            {
                if (entry is ValueEntry<T> shared)
                {
                    MemoryLevel.Touch(entry);
                    CountMemoryHit(entry, now);
                    value = shared.Value;
                    return true;
                }

                return TryReadEntry(entry, now, out value);
            }
        }

        value = default;
        return false;
    }

    /// <summary>The value of an entry that is known to be valid, or nothing if it is of another type. Counts it as a hit.</summary>
    private bool TryReadEntry<T>(MemoryEntry entry, [MaybeNullWhen(false)] out T value) => TryReadEntry(entry, _clock.Now, out value);

    // Not part of the path of a shared value, so that that one stays small.
    private bool TryReadEntry<T>(MemoryEntry entry, long now, [MaybeNullWhen(false)] out T value)
    {
        if (!TryReadValue(entry, out value))
        {
            return false;
        }

        CountMemoryHit(entry, now);
        return true;
    }

    /// <summary>The same, for who counts it otherwise.</summary>
    private bool TryReadValue<T>(MemoryEntry entry, [MaybeNullWhen(false)] out T value)
    {
        switch (entry)
        {
            case ValueEntry<T> shared:
                value = shared.Value;
                break;
            case NegativeEntry:
                value = default!;
                break;
            case SerializedEntry<T> serialized:
                try
                {
                    value = serialized.Read();
                    break;
                }
                catch (Exception exception)
                {
                    LogSerializerFailed<T>(exception);
                    _memory.Remove(entry, EntryDeparture.Removed);
                    goto default;
                }

            default:
                value = default;
                return false;
        }

        MemoryLevel.Touch(entry);
        return true;
    }

    private bool IsCacheable([NotNullWhen(true)] string? key)
    {
        string? reason = null;
        if (string.IsNullOrWhiteSpace(key))
        {
            reason = "empty or white space";
        }
        else if (key.Length > _options.MaximumKeyLength)
        {
            reason = $"{key.Length} characters long, more than the {_options.MaximumKeyLength} of LarderOptions.MaximumKeyLength";
        }

        if (reason is null)
        {
            return true;
        }

        _metrics.Uncacheable.Add(1);
        if (Interlocked.Exchange(ref _uncacheableLogged, 1) == 0)
        {
            _logger.KeyNotCacheable(reason);
        }

        return false;
    }

    /// <summary>The groups of the tags of a call, each once.</summary>
    /// <exception cref="ArgumentException">A tag is empty, white space, too long, or the reserved <c>*</c>.</exception>
    private static Group[]? ResolveTags(ScopeState scope, IEnumerable<string>? tags, out string[]? names)
    {
        names = TagNames.Normalize(tags);
        if (names is null)
        {
            return null;
        }

        var groups = new Group[names.Length];
        for (var i = 0; i < groups.Length; i++)
        {
            groups[i] = scope.Tag(names[i]);
        }

        return groups;
    }
}
