namespace Larder.Engine;

/// <summary>Loads that wait for another node's load of the same key, to be woken when it ends.</summary>
internal sealed class LeaseWaits
{
    private readonly Lock _lock = new();
    private readonly Dictionary<MemoryKey, List<Wait>> _waits = new(MemoryKeyComparer.Instance);

    public Wait Register(MemoryKey key)
    {
        var wait = new Wait(this, key);
        lock (_lock)
        {
            if (!_waits.TryGetValue(key, out var list))
            {
                _waits[key] = list = [];
            }

            list.Add(wait);
        }

        return wait;
    }

    public void Wake(MemoryKey key)
    {
        lock (_lock)
        {
            if (_waits.TryGetValue(key, out var list))
            {
                foreach (var wait in list)
                {
                    wait.Wake();
                }
            }
        }
    }

    private void Remove(Wait wait)
    {
        lock (_lock)
        {
            if (_waits.TryGetValue(wait.Key, out var list) && list.Remove(wait) && list.Count == 0)
            {
                _waits.Remove(wait.Key);
            }
        }
    }

    internal sealed class Wait(LeaseWaits owner, MemoryKey key) : IDisposable
    {
        private readonly TaskCompletionSource _woken = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public MemoryKey Key { get; } = key;

        public void Wake() => _woken.TrySetResult();

        /// <summary>Ends when woken, or after <paramref name="atMost"/>.</summary>
        public async Task WaitAsync(TimeSpan atMost, TimeProvider time, CancellationToken cancellationToken)
        {
            try
            {
                await _woken.Task.WaitAsync(atMost, time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
            }
        }

        public void Dispose() => owner.Remove(this);
    }
}
