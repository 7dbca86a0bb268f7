using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Tests;

/// <summary>A source that counts how often it is asked.</summary>
internal sealed class CountedFactory<T>(Func<int, T> make)
{
    private int _calls;

    public CountedFactory(T value)
        : this(_ => value)
    {
    }

    public int Calls => Volatile.Read(ref _calls);

    public ValueTask<T> LoadAsync(CancellationToken cancellationToken) => new(make(Interlocked.Increment(ref _calls)));

    public ValueTask<T> ReadAsync(
        HybridCache cache, string key, HybridCacheEntryOptions? options = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default) =>
        cache.GetOrCreateAsync(key, LoadAsync, options, tags, cancellationToken);
}

/// <summary>A source that answers when the test says so.</summary>
internal sealed class GatedFactory<T>
{
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _calls;

    public int Calls => Volatile.Read(ref _calls);

    /// <summary>Ends when the source has been asked.</summary>
    public Task Started => _started.Task.WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>What the source was told to watch.</summary>
    public CancellationToken Token { get; private set; }

    /// <summary>Does not watch the token: ends only when answered.</summary>
    public async ValueTask<T> LoadAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _calls);
        Token = cancellationToken;
        _started.TrySetResult();
        return await _answer.Task;
    }

    public void Answer(T value) => _answer.SetResult(value);

    public void Fail(Exception exception) => _answer.SetException(exception);
}
