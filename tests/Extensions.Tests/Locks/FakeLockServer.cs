using Larder.Locks;
using Larder.Tests.Shared;

namespace Larder.Tests.Locks;

/// <summary>A server for locks on a fake clock, whose answers a test can keep back.</summary>
internal sealed class FakeLockServer(FakeTimeProvider time) : ILockServer
{
    private readonly Lock _lock = new();
    private (long Owner, DateTimeOffset EndsAt, bool IsAwaited)? _held;
    private long _fence;
    private int _asked;
    private int _renewals;
    private int _putOff;

    /// <summary>How often somebody asked for the lock.</summary>
    public int Asked => Volatile.Read(ref _asked);

    /// <summary>How many answers have been put off by <see cref="Late"/>: the clock may move on.</summary>
    public int PutOff => Volatile.Read(ref _putOff);

    public int Renewals => Volatile.Read(ref _renewals);

    /// <summary>Done is done; the answer waits for this.</summary>
    public Task Answers { get; set; } = Task.CompletedTask;

    /// <summary>How long each answer about a lock takes, by the clock.</summary>
    public TimeSpan Late { get; set; }

    public bool IsHeld
    {
        get
        {
            lock (_lock)
            {
                return Current is not null;
            }
        }
    }

    private (long Owner, DateTimeOffset EndsAt, bool IsAwaited)? Current => _held is { } held && time.GetUtcNow() < held.EndsAt ? held : null;

    public void Forget()
    {
        lock (_lock)
        {
            _held = null;
        }
    }

    public async Task<LockAnswer> TryAcquireAsync(string key, long owner, TimeSpan lease, bool waits)
    {
        LockAnswer answer;
        lock (_lock)
        {
            _asked++;
            if (Current is { } held)
            {
                _held = held with { IsAwaited = held.IsAwaited || waits };
                answer = new LockAnswer(0, held.EndsAt - time.GetUtcNow());
            }
            else
            {
                _held = (owner, time.GetUtcNow() + lease, false);
                answer = new LockAnswer(++_fence, default);
            }
        }

        if (Late > TimeSpan.Zero)
        {
            var late = Task.Delay(Late, time);
            Interlocked.Increment(ref _putOff);
            await late;
        }

        await Answers;
        return answer;
    }

    public async Task<bool> RenewAsync(string key, long owner, TimeSpan lease)
    {
        bool renewed;
        lock (_lock)
        {
            _renewals++;
            renewed = Current?.Owner == owner;
            if (renewed)
            {
                _held = _held!.Value with { EndsAt = time.GetUtcNow() + lease };
            }
        }

        await Answers;
        return renewed;
    }

    public async Task<bool> ReleaseAsync(string key, long owner)
    {
        var awaited = false;
        lock (_lock)
        {
            if (Current is { } held && held.Owner == owner)
            {
                awaited = held.IsAwaited;
                _held = null;
            }
        }

        await Answers;
        return awaited;
    }
}
