namespace Larder.Engine;

/// <summary>Something under way on this node that will store a value for a key: a load or a write.</summary>
/// <remarks>
/// When the key is removed or set meanwhile, here or on another node, the activity is <i>fenced</i>: it may finish and answer
/// its callers, but not store. Deciding and storing in memory happen under the activity's own lock, so "fenced, then the
/// entry removed" cannot fall between its check and its store.
/// </remarks>
internal abstract class KeyActivity(MemoryKey key)
{
    private bool _fenced;
    private TaskCompletionSource? _writeEnded;

    public MemoryKey Key { get; } = key;

    /// <summary>The next activity of the same key in the table's chain; owned by the table's lock.</summary>
    public KeyActivity? Next { get; set; }

    /// <summary>The activity is its own lock: one is made per miss.</summary>
    protected object Sync => this;

    /// <summary>How many callers have begun or joined it and have not left.</summary>
    public virtual int Callers => 1;

    public bool IsFenced => Volatile.Read(ref _fenced);

    public void Fence()
    {
        lock (Sync)
        {
            Volatile.Write(ref _fenced, true);
        }
    }

    /// <summary>Runs <paramref name="store"/> unless fenced, and says whether it did.</summary>
    public bool Store<TState>(TState state, Action<TState> store)
    {
        lock (Sync)
        {
            if (_fenced)
            {
                return false;
            }

            store(state);
            return true;
        }
    }

    /// <summary>
    /// Announces a write to a second level that has no leases, unless fenced. Whoever removes the key meanwhile waits for
    /// its end (see <see cref="WriteEnd"/>), so that the removal comes last there too.
    /// </summary>
    public bool TryBeginWrite()
    {
        lock (Sync)
        {
            if (_fenced)
            {
                return false;
            }

            _writeEnded = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return true;
        }
    }

    public void EndWrite()
    {
        TaskCompletionSource? ended;
        lock (Sync)
        {
            ended = _writeEnded;
            _writeEnded = null;
        }

        ended?.SetResult();
    }

    /// <summary>Ends when no write to the second level is under way.</summary>
    public Task WriteEnd
    {
        get
        {
            lock (Sync)
            {
                return _writeEnded?.Task ?? Task.CompletedTask;
            }
        }
    }
}

/// <summary>A <c>SetAsync</c> under way.</summary>
internal sealed class KeyWrite(MemoryKey key) : KeyActivity(key);
