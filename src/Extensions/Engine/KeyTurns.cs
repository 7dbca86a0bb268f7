namespace Larder.Engine;

/// <summary>One after the other, by key. Nothing is kept for a key that nobody waits for.</summary>
internal sealed class KeyTurns
{
    private readonly Dictionary<MemoryKey, Line> _lines = new(MemoryKeyComparer.Instance);
    private readonly Lock _lock = new();

    /// <summary>How many keys somebody holds or waits for.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _lines.Count;
            }
        }
    }

    /// <summary>Waits for the turn, in the order of arrival. It lasts until the result is disposed of.</summary>
    public async ValueTask<Turn> EnterAsync(MemoryKey key, CancellationToken cancellationToken = default)
    {
        Line? line;
        lock (_lock)
        {
            if (!_lines.TryGetValue(key, out line))
            {
                _lines[key] = line = new Line();
            }

            line.Count++;
        }

        try
        {
            await line.Gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Leave(key, line);
            throw;
        }

        return new Turn(this, key, line);
    }

    private void Leave(MemoryKey key, Line line)
    {
        lock (_lock)
        {
            if (--line.Count == 0)
            {
                _lines.Remove(key);
                line.Gate.Dispose();
            }
        }
    }

    internal readonly struct Turn(KeyTurns turns, MemoryKey key, Line line) : IDisposable
    {
        /// <summary>Ends the turn; nothing to end for a default one.</summary>
        public void Dispose()
        {
            if (turns is not null)
            {
                line.Gate.Release();
                turns.Leave(key, line);
            }
        }
    }

    internal sealed class Line
    {
        public SemaphoreSlim Gate { get; } = new(1, 1);

        /// <summary>Who holds it or waits for it; owned by the lock of the table.</summary>
        public int Count { get; set; }
    }
}
