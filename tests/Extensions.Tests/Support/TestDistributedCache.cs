using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Distributed;

namespace Larder.Tests;

/// <summary>A plain <see cref="IDistributedCache"/> that holds copies of bytes, counts its calls, and fails when told to.</summary>
internal sealed class TestDistributedCache(TimeProvider time) : IDistributedCache
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private int _reads;
    private int _refreshes;

    public ICollection<string> Keys => _entries.Keys;

    public int Reads => Volatile.Read(ref _reads);

    /// <summary>How often an entry was said to have been read.</summary>
    public int Refreshes => Volatile.Read(ref _refreshes);

    /// <summary>When set, every call fails with it.</summary>
    public Exception? Failure { get; set; }

    /// <summary>When set, it is awaited before each write of a key.</summary>
    public Func<string, Task>? BeforeSet { get; set; }

    public byte[]? this[string key]
    {
        get => Find(key);
        set => _entries[key] = new([.. value!], DateTimeOffset.MaxValue, null, DateTimeOffset.MaxValue);
    }

    public byte[]? Get(string key) => GetAsync(key).GetAwaiter().GetResult();

    public Task<byte[]?> GetAsync(string key, CancellationToken token = default)
    {
        Interlocked.Increment(ref _reads);
        return Failure is null ? Task.FromResult(Find(key)) : Task.FromException<byte[]?>(Failure);
    }

    public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => SetAsync(key, value, options).GetAwaiter().GetResult();

    public async Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
    {
        if (Failure is not null)
        {
            throw Failure;
        }

        if (BeforeSet is { } before)
        {
            await before(key);
        }

        var ends = options.AbsoluteExpirationRelativeToNow is { } lives ? time.GetUtcNow() + lives : DateTimeOffset.MaxValue;
        _entries[key] = new([.. value], ends, options.SlidingExpiration, time.GetUtcNow() + (options.SlidingExpiration ?? TimeSpan.Zero));
    }

    public void Refresh(string key) => Find(key);

    public Task RefreshAsync(string key, CancellationToken token = default)
    {
        Interlocked.Increment(ref _refreshes);
        Find(key);
        return Task.CompletedTask;
    }

    public void Remove(string key) => RemoveAsync(key).GetAwaiter().GetResult();

    public Task RemoveAsync(string key, CancellationToken token = default)
    {
        if (Failure is not null)
        {
            return Task.FromException(Failure);
        }

        _entries.TryRemove(key, out _);
        return Task.CompletedTask;
    }

    private byte[]? Find(string key)
    {
        var now = time.GetUtcNow();
        if (!_entries.TryGetValue(key, out var entry) || now >= entry.Ends || (entry.Sliding is not null && now >= entry.Sleeps))
        {
            return null;
        }

        if (entry.Sliding is { } sliding)
        {
            _entries.TryUpdate(key, entry with { Sleeps = now + sliding }, entry);
        }

        return [.. entry.Value];
    }

    private sealed record Entry(byte[] Value, DateTimeOffset Ends, TimeSpan? Sliding, DateTimeOffset Sleeps);
}
