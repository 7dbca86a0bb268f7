using System.Runtime.ExceptionServices;
using Larder.Tags;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <summary>One load under way, shared by all callers of its key that arrive while nothing was invalidated.</summary>
internal sealed class Flight<T>(MemoryKey key, HybridCacheEntryFlags flags, long generation, Group[]? tags, bool cancellable)
    : KeyActivity(key)
{
    private readonly HybridCacheEntryFlags _flags = flags;
    private CancellationTokenSource? _cancellation = cancellable ? new CancellationTokenSource() : null;
    private TaskCompletionSource? _factoryStart;
    private bool _factoryStarted;
    private TaskCompletionSource<FlightResult<T>>? _waiters;
    private FlightResult<T> _result;
    private Exception? _failure;
    private bool _ended;
    private int _callers = 1;
    private bool _detached;
    private CancellationTokenRegistration _stop;
    private readonly long _beganAt = key.Scope.Engine.Clock.Now;

    public Group[]? Tags { get; } = tags;

    /// <summary>
    /// Whether the load replaces a value that is still served. Then nobody joins it who may yet find that value, or another: only who would have
    /// to load (see <see cref="FlightTable.TryJoinRefresh"/>).
    /// </summary>
    public bool IsRefresh { get; private init; }

    /// <summary>Whether nobody joins: it only looks, and only who began it knows what it has seen.</summary>
    public bool IsPrivate { get; private init; }

    /// <summary>A look at what there is, fenced like any load.</summary>
    public static Flight<T> Look(MemoryKey key, HybridCacheEntryFlags flags, long generation) => new(key, flags, generation, null, cancellable: false) { IsPrivate = true };

    /// <summary>A load that nobody waits for, ended by <paramref name="stopping"/>.</summary>
    public static Flight<T> Refresh(MemoryKey key, HybridCacheEntryFlags flags, long generation, Group[]? tags, CancellationToken stopping) =>
        new(key, flags, generation, tags, cancellable: false) { IsRefresh = true, _cancellation = CancellationTokenSource.CreateLinkedTokenSource(stopping) };

    /// <summary>The value that the load is to replace, if it was found; set before <see cref="FactoryStart"/>.</summary>
    public MemoryEntry? Stale { get; private set; }

    /// <summary>
    /// The load is to replace this entry. What invalidates the one invalidates what is loaded in its place, whether or not its callers name
    /// the tags.
    /// </summary>
    public void Replaces(MemoryEntry entry)
    {
        FoundTags = entry.Tags;
        Stale = entry;
    }

    /// <summary>How long the load runs, in milliseconds.</summary>
    public long Age => Key.Scope.Engine.Clock.Now - _beganAt;

    /// <summary>The load was not begun, because one has failed a moment ago: each caller asks for itself whether the stale value may stand in.</summary>
    public bool IsHeldBack { get; set; }

    /// <summary>Whether the load goes on although nobody waits for it.</summary>
    public bool IsDetached
    {
        get
        {
            lock (Sync)
            {
                return _detached;
            }
        }
    }

    /// <summary>Ends when the load has seen what there is, and waits for another node or runs its factory.</summary>
    public Task FactoryStart
    {
        get
        {
            lock (Sync)
            {
                return _factoryStarted ? Task.CompletedTask : (_factoryStart ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
        }
    }

    /// <summary>Ends when the load does, for a caller that joined.</summary>
    public Task End
    {
        get
        {
            lock (Sync)
            {
                return _ended ? Task.CompletedTask : _waiters!.Task;
            }
        }
    }

    /// <summary>Whether the result is a value, or the knowledge that there is none, or nothing; set before the flight ends.</summary>
    public CacheResultKind Kind { get; set; } = CacheResultKind.Found;

    /// <summary>Tags that only the value found told of; set before the flight ends.</summary>
    public Group[]? FoundTags { get; set; }

    /// <summary>
    /// Whether a tag that the flight learned of on its way was invalidated after it began. Who joined cannot have known
    /// the tag then, and may have come after the invalidation.
    /// </summary>
    public bool IsOvertaken => AnyLater(FoundTags);

    /// <summary>The counter of invalidations when the load began, or when the load began whose result it takes.</summary>
    public long Generation { get; private set; } = generation;

    public void AgeTo(long generation) => Generation = Math.Min(Generation, generation);

    /// <summary>Cancelled when every caller has left. A caller that cannot leave keeps it from ever being cancelled.</summary>
    public CancellationToken Token => _cancellation?.Token ?? CancellationToken.None;

    /// <summary>Whether someone besides the leader waits or has waited for the result.</summary>
    public bool IsShared
    {
        get
        {
            lock (Sync)
            {
                return _waiters is not null;
            }
        }
    }

    public override int Callers
    {
        get
        {
            lock (Sync)
            {
                return _callers;
            }
        }
    }

    /// <summary>
    /// Joins the load, unless something that the caller or the load depends on was invalidated after it began, or its
    /// callers have all left.
    /// </summary>
    public bool TryJoin(HybridCacheEntryFlags joinerFlags, Group[]? joinerTags)
    {
        if (!IsUpToDate(joinerFlags, joinerTags))
        {
            return false;
        }

        lock (Sync)
        {
            // One that has failed is about to leave the table; who comes now tries again.
            if ((_callers == 0 && !_detached) || IsFenced || IsOverdue || _failure is not null)
            {
                return false;
            }

            _callers++;
            if (!_ended)
            {
                _waiters ??= new TaskCompletionSource<FlightResult<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            return true;
        }
    }

    /// <summary>Whether a caller of <paramref name="other"/> might join this load.</summary>
    public bool IsAsGoodAs(Flight<T> other)
    {
        lock (Sync)
        {
            return !IsFenced && !IsOverdue && IsUpToDate(other._flags, other.Tags);
        }
    }

    // A load that nobody waits for and that never ends must not keep its key from being loaded. Nor must a page, which is not computed before its
    // client has taken it, and a client may be as slow as it likes.
    private bool IsOverdue => (IsRefresh || _detached || Key.Scope.IsPages) && Age >= Key.Scope.Engine.BackgroundPatience;

    private bool IsUpToDate(HybridCacheEntryFlags wanted, Group[]? wantedTags) =>
        !IsPrivate && wanted == _flags && Key.Scope.Generation <= Generation && !AnyLater(Tags) && !AnyLater(FoundTags) && !AnyLater(wantedTags);

    /// <summary>The result, for a caller that joined.</summary>
    public async ValueTask<FlightResult<T>> WaitAsync(CancellationToken cancellationToken)
    {
        Task<FlightResult<T>> task;
        lock (Sync)
        {
            if (_ended)
            {
                if (_failure is not null)
                {
                    ExceptionDispatchInfo.Throw(_failure);
                }

                return _result;
            }

            task = _waiters!.Task;
        }

        try
        {
            return await task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && !task.IsCompleted)
        {
            Leave();
            throw;
        }
    }

    /// <summary>A caller gave up. When the last one does, the load is cancelled.</summary>
    public void Leave()
    {
        lock (Sync)
        {
            if (--_callers > 0 || _detached)
            {
                return;
            }
        }

        // Not on this thread: what the factory has hung on its token is no business of the caller that leaves.
        _ = _cancellation?.CancelAsync();
    }

    /// <summary>A caller gave up waiting, and the load is to go on. Says whether that was the last one: then the load goes on by itself, until <paramref name="stopping"/>.</summary>
    public bool TryDetach(CancellationToken stopping)
    {
        lock (Sync)
        {
            if (--_callers > 0 || _detached || _ended)
            {
                return false;
            }

            _detached = true;
            _stop = stopping.UnsafeRegister(static flight => _ = ((Flight<T>)flight!)._cancellation?.CancelAsync(), this);
            return true;
        }
    }

    /// <summary>The load has ended and nothing watches its token any more.</summary>
    public void DisposeToken()
    {
        _stop.Dispose();
        _cancellation?.Dispose();
    }

    public void StartFactory()
    {
        TaskCompletionSource? waiters;
        lock (Sync)
        {
            _factoryStarted = true;
            waiters = _factoryStart;
        }

        waiters?.TrySetResult();
    }

    public void Succeed(in FlightResult<T> result)
    {
        TaskCompletionSource<FlightResult<T>>? waiters;
        lock (Sync)
        {
            _ended = true;
            _result = result;
            waiters = _waiters;
        }

        waiters?.SetResult(result);
    }

    public void Fail(Exception failure)
    {
        TaskCompletionSource<FlightResult<T>>? waiters;
        lock (Sync)
        {
            _ended = true;
            _failure = failure;
            waiters = _waiters;
        }

        if (waiters is not null)
        {
            waiters.SetException(failure);

            // All waiters may have left; then nobody looks at the exception.
            _ = waiters.Task.Exception;
        }
    }

    private bool AnyLater(Group[]? groups)
    {
        foreach (var group in groups ?? [])
        {
            if (group.Generation > Generation)
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>What a load gives to those who joined it: a value they may share, bytes to read a copy from, or neither.</summary>
internal readonly struct FlightResult<T>
{
    private readonly T? _value;
    private readonly SerializedEntry<T>? _serialized;

    private FlightResult(T? value, SerializedEntry<T>? serialized, bool isShareable)
    {
        _value = value;
        _serialized = serialized;
        IsShareable = isShareable;
    }

    /// <summary>Whether joined callers can use the result. Otherwise, for a mutable value that cannot be serialized, each must load its own.</summary>
    public bool IsShareable { get; }

    public static FlightResult<T> Shared(T value) => new(value, null, true);

    public static FlightResult<T> Copied(SerializedEntry<T> entry) => new(default, entry, true);

    public static FlightResult<T> Unshareable => default;

    public T Read() => _serialized is null ? _value! : _serialized.Read();
}
