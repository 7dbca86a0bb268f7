using System.Buffers;
using Larder.Engine;
using Larder.Scopes;
using Microsoft.Extensions.Caching.Distributed;

namespace Larder.Distributed;

/// <summary>An <see cref="IDistributedCache"/> seen in one scope, or in that of the running call. What its implementation throws is thrown.</summary>
/// <remarks>
/// With an engine (a cache that <c>AddDistributedCache</c> gave) values have the defaults of their namespace and are sealed by it; without one the keys are all that changes.
/// </remarks>
internal class ScopedDistributedCache : IDistributedCache
{
    private readonly IDistributedCache _inner;
    private readonly IBufferDistributedCache? _buffers;
    private readonly CacheEngine? _engine;
    private readonly CacheScope? _scope;
    private readonly string? _namespace;

    private protected ScopedDistributedCache(IDistributedCache inner, CacheEngine? engine, CacheScope? scope, string? @namespace)
    {
        _inner = inner;
        _buffers = inner as IBufferDistributedCache;
        _engine = engine;
        _scope = scope;
        _namespace = @namespace;
    }

    /// <summary>A view of a cache.</summary>
    /// <param name="inner">The implementation; what it can do with buffers the view can.</param>
    /// <param name="engine">What seals values; null for nothing.</param>
    /// <param name="scope">The scope; null for that of the running call.</param>
    /// <param name="namespace">What stands in for the namespace of the running call; null for nothing.</param>
    public static ScopedDistributedCache Create(IDistributedCache inner, CacheEngine? engine, CacheScope? scope, string? @namespace = null) =>
        inner is IBufferDistributedCache ? new ScopedBufferDistributedCache(inner, engine, scope, @namespace) : new ScopedDistributedCache(inner, engine, scope, @namespace);

    public ScopedDistributedCache InScope(CacheScope scope) => Create(_inner, _engine, scope);

    public byte[]? Get(string key)
    {
        var place = Locate(key);
        if (_engine is null)
        {
            return _inner.Get(place.Key);
        }

        using var stored = Read(place.Key);
        return stored.Exists ? ToArray(Wait(_engine.UnsealAsync(place.Scope!, place.Key, stored.Data))) : null;
    }

    public async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
    {
        var place = Locate(key);
        if (_engine is null)
        {
            return await _inner.GetAsync(place.Key, token).ConfigureAwait(false);
        }

        using var stored = await ReadAsync(place.Key, token).ConfigureAwait(false);
        return stored.Exists ? ToArray(await _engine.UnsealAsync(place.Scope!, place.Key, stored.Data).ConfigureAwait(false)) : null;
    }

    public void Set(string key, byte[] value, DistributedCacheEntryOptions options)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (_engine is null)
        {
            _inner.Set(Locate(key).Key, value, options);
        }
        else
        {
            SetSealed(key, new ReadOnlySequence<byte>(value), options);
        }
    }

    public async Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (_engine is null)
        {
            await _inner.SetAsync(Locate(key).Key, value, options, token).ConfigureAwait(false);
        }
        else
        {
            await SetSealedAsync(key, new ReadOnlySequence<byte>(value), options, token).ConfigureAwait(false);
        }
    }

    public void Refresh(string key) => _inner.Refresh(Locate(key).Key);

    public Task RefreshAsync(string key, CancellationToken token = default) => _inner.RefreshAsync(Locate(key).Key, token);

    public void Remove(string key) => _inner.Remove(Locate(key).Key);

    public Task RemoveAsync(string key, CancellationToken token = default) => _inner.RemoveAsync(Locate(key).Key, token);

    private protected bool TryGet(string key, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var place = Locate(key);
        if (_engine is null)
        {
            return _buffers!.TryGet(place.Key, destination);
        }

        using var stored = Read(place.Key);
        return stored.Exists && TryCopy(Wait(_engine.UnsealAsync(place.Scope!, place.Key, stored.Data)), destination);
    }

    private protected async ValueTask<bool> TryGetAsync(string key, IBufferWriter<byte> destination, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var place = Locate(key);
        if (_engine is null)
        {
            return await _buffers!.TryGetAsync(place.Key, destination, token).ConfigureAwait(false);
        }

        using var stored = await ReadAsync(place.Key, token).ConfigureAwait(false);
        return stored.Exists && TryCopy(await _engine.UnsealAsync(place.Scope!, place.Key, stored.Data).ConfigureAwait(false), destination);
    }

    private protected void Set(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options)
    {
        if (_engine is null)
        {
            _buffers!.Set(Locate(key).Key, value, options);
        }
        else
        {
            SetSealed(key, value, options);
        }
    }

    private protected async ValueTask SetAsync(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options, CancellationToken token)
    {
        if (_engine is null)
        {
            await _buffers!.SetAsync(Locate(key).Key, value, options, token).ConfigureAwait(false);
        }
        else
        {
            await SetSealedAsync(key, value, options, token).ConfigureAwait(false);
        }
    }

    private void SetSealed(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options)
    {
        var place = Locate(key);
        var life = DistributedLife.Of(options, place.Scope!.Defaults, _engine!.Clock);
        if (life.IsOff || Wait(_engine.SealAsync(place.Scope, place.Key, value, life.Longest, life.Sliding)) is not { } payload)
        {
            _inner.Remove(place.Key);
            return;
        }

        using (payload)
        {
            if (_buffers is null)
            {
                _inner.Set(place.Key, payload.Written.ToArray(), life.Options);
                return;
            }

            try
            {
                _buffers.Set(place.Key, new ReadOnlySequence<byte>(payload.Written), life.Options);
            }
            catch
            {
                // A call that was given up may still read the buffer.
                payload.Abandon();
                throw;
            }
        }
    }

    private async Task SetSealedAsync(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        var place = Locate(key);
        var life = DistributedLife.Of(options, place.Scope!.Defaults, _engine!.Clock);
        if (life.IsOff || await _engine.SealAsync(place.Scope, place.Key, value, life.Longest, life.Sliding).ConfigureAwait(false) is not { } payload)
        {
            await _inner.RemoveAsync(place.Key, token).ConfigureAwait(false);
            return;
        }

        using (payload)
        {
            if (_buffers is null)
            {
                await _inner.SetAsync(place.Key, payload.Written.ToArray(), life.Options, token).ConfigureAwait(false);
                return;
            }

            try
            {
                await _buffers.SetAsync(place.Key, new ReadOnlySequence<byte>(payload.Written), life.Options, token).ConfigureAwait(false);
            }
            catch
            {
                payload.Abandon();
                throw;
            }
        }
    }

    private StoredPayload Read(string key)
    {
        if (_buffers is null)
        {
            return new StoredPayload(_inner.Get(key), null);
        }

        var writer = new PayloadWriter(Array.MaxLength);
        var found = false;
        try
        {
            found = _buffers.TryGet(key, writer);
            return found ? new StoredPayload(writer.Written, writer) : default;
        }
        finally
        {
            if (!found)
            {
                writer.Dispose();
            }
        }
    }

    private async ValueTask<StoredPayload> ReadAsync(string key, CancellationToken token)
    {
        if (_buffers is null)
        {
            return new StoredPayload(await _inner.GetAsync(key, token).ConfigureAwait(false), null);
        }

        var writer = new PayloadWriter(Array.MaxLength);
        var found = false;
        try
        {
            found = await _buffers.TryGetAsync(key, writer, token).ConfigureAwait(false);
            return found ? new StoredPayload(writer.Written, writer) : default;
        }
        finally
        {
            if (!found)
            {
                writer.Dispose();
            }
        }
    }

    // The scope is settled here, before anything is awaited: what the call starts may run in another context.
    private Place Locate(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        var scope = _scope ?? (_namespace is null ? CacheScope.Current : CacheScope.Current.WithNamespace(_namespace));
        if (_engine is null)
        {
            return new Place(null, ScopedKey.Distributed(ScopedKey.ScopeId(scope), key));
        }

        var state = _engine.Scope(scope);
        return new Place(state, _engine.ApplicationPrefix + ScopedKey.Distributed(state.Id, key));
    }

    private static byte[]? ToArray(StoredPayload? value)
    {
        using var owner = value ?? default;
        return value?.Data.ToArray();
    }

    private static bool TryCopy(StoredPayload? value, IBufferWriter<byte> destination)
    {
        if (value is not { } found)
        {
            return false;
        }

        using (found)
        {
            destination.Write(found.Data.Span);
        }

        return true;
    }

    // Stamps and keys are mostly at hand; when they are not, a synchronous caller waits for them as it waits for its value.
    private static T Wait<T>(ValueTask<T> task) => task.IsCompletedSuccessfully ? task.Result : task.AsTask().GetAwaiter().GetResult();

    private readonly record struct Place(ScopeState? Scope, string Key);
}
