using System.Diagnostics;
using Larder.Diagnostics;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Logging;

namespace Larder.Engine;

/// <summary>
/// The second level as the engine sees it: no method throws or takes longer than the timeout of its kind, and while the server
/// is down calls do not even try.
/// </summary>
internal sealed class GuardedSecondLevel
{
    public const string BreakerName = "second_level";

    private const string Read = "read";
    private const string Write = "write";
    private const string Invalidate = "invalidate";

    // One for all: it only says why.
    private static readonly InvalidOperationException TakenOver = new("Another server has taken over, and has yet to be told what was invalidated.");

    private readonly SecondLevel _inner;
    private readonly Func<int?> _readable;
    private readonly SecondLevelTimeouts _timeouts;
    private readonly TimeProvider _time;
    private readonly LarderMetrics _metrics;

    /// <param name="inner">The second level.</param>
    /// <param name="timeouts">How long calls may take.</param>
    /// <param name="time">Time.</param>
    /// <param name="metrics">Counts.</param>
    /// <param name="logger">Told when it is lost and when it is back.</param>
    /// <param name="readable">Which server may be read, counted as they take over from one another; null while one has yet to be told what was invalidated.</param>
    public GuardedSecondLevel(SecondLevel inner, SecondLevelTimeouts timeouts, TimeProvider time, LarderMetrics metrics, ILogger logger, Func<int?> readable)
    {
        _inner = inner;
        _readable = readable;
        _timeouts = timeouts;
        _time = time;
        _metrics = metrics;
        Guard = new Guard(BreakerName, timeouts.Longest, metrics.SecondLevelFailures, logger.SecondLevelLost, logger.SecondLevelBack, time);
    }

    /// <summary>A write has arrived after it was given up, and could not be removed: by its entry and physical key, and why.</summary>
    public event Action<MemoryKey, string, Exception?>? LateWriteLeft;

    public Guard Guard { get; }

    public bool HasLeases => _inner.HasLeases;

    public bool KeepsOwnMemory => _inner.KeepsOwnMemory;

    public bool ProlongsStamps => _inner.ProlongsStamps;

    /// <summary>Whether a call would be answered without asking the server, because it failed lately.</summary>
    public bool IsOpen => Guard.IsOpen;

    /// <summary>Why the last call that was made failed, or why what was read is not used.</summary>
    public Exception LastFailure => _readable() is null ? TakenOver : Guard.LastFailure;

    /// <summary>As <see cref="IsOpen"/>, for a caller who wants to read and will not if so: that counts as a read that failed.</summary>
    public bool RefusesRead()
    {
        if (!IsOpen)
        {
            return false;
        }

        Guard.CountRefusal(Read);
        return true;
    }

    public ValueTask<Answer<StoredPayload>> GetAsync(string key, HybridCacheEntryFlags flags) =>
        ReadAsync("get", static (level, s, token) => level.GetAsync(s.key, s.flags, token), (key, flags));

    public ValueTask<Answer<long?>> GetIdAsync(string key) =>
        ReadAsync("get_id", static (level, s, token) => level.GetIdAsync(s, token), key);

    public ValueTask<Answer<StoredPayload[]>> GetManyAsync(string[] keys, HybridCacheEntryFlags flags) =>
        ReadAsync("get_many", static (level, s, token) => level.GetManyAsync(s.keys, s.flags, token), (keys, flags));

    public ValueTask<Answer<StoredPayload>> GetHeadAsync(string key) =>
        ReadAsync("get_head", static (level, s, token) => level.GetHeadAsync(s, token), key);

    public ValueTask<Answer<bool>> SetAsync(MemoryKey entry, string key, ReadOnlyMemory<byte> payload, StoreTerms terms) =>
        WriteAsync("set", static async (level, s, token) =>
        {
            await level.SetAsync(s.key, s.payload, s.terms, token).ConfigureAwait(false);
            return true;
        }, (key, payload, terms), _inner.HasLeases ? null : late => RemoveLateWrite(late, entry, key));

    public ValueTask<Answer<bool>> ReplaceAsync(string key, long expectedId, ReadOnlyMemory<byte> payload, StoreTerms terms) =>
        WriteAsync("replace", static (level, s, token) => level.ReplaceAsync(s.key, s.expectedId, s.payload, s.terms.Life, token), (key, expectedId, payload, terms));

    public ValueTask<Answer<bool>> RemoveAsync(string key) =>
        InvalidateAsync("remove", static async (level, s, token) =>
        {
            await level.RemoveAsync(s, token).ConfigureAwait(false);
            return true;
        }, key);

    public ValueTask<Answer<StoredPayload>> TakeAsync(string key) =>
        InvalidateAsync("take", static (level, s, token) => level.TakeAsync(s, token), key);

    /// <remarks>Also of a server that has yet to be told what was invalidated: what is written is stamped all the same. Who accepts what is stored by its stamps looks whether one has taken over meanwhile.</remarks>
    public async ValueTask<Answer<long>> GetStampAsync(string group, TimeSpan life)
    {
        var answer = await RunAsync("get_stamp", static (level, s, token) => level.GetStampAsync(s.group, s.life, token), (group, life), _timeouts.Read, Read, null).ConfigureAwait(false);
        _ = LooksTheSame(null);
        return answer;
    }

    public ValueTask<Answer<bool>> SetStampAsync(string group, long stamp, TimeSpan life) =>
        InvalidateAsync("set_stamp", static async (level, s, token) =>
        {
            await level.SetStampAsync(s.group, s.stamp, s.life, token).ConfigureAwait(false);
            return true;
        }, (group, stamp, life));

    public ValueTask<Answer<LeaseAnswer>> TryLeaseAsync(string key, long leaseToken, LeaseDemand demand) =>
        ReadAsync("lease", static (level, s, token) => level.TryLeaseAsync(s.key, s.leaseToken, s.demand, token), (key, leaseToken, demand), late => GiveBackLateLease(late, key, leaseToken));

    public ValueTask<Answer<LeaseEnd>> SetLeasedAsync(string key, long leaseToken, ReadOnlyMemory<byte> payload, TimeSpan expiration) =>
        WriteAsync("set_leased", static (level, s, token) => level.SetLeasedAsync(s.key, s.leaseToken, s.payload, s.expiration, token), (key, leaseToken, payload, expiration));

    public ValueTask<Answer<bool>> RenewLeaseAsync(string key, long leaseToken) =>
        WriteAsync("renew_lease", static (level, s, token) => level.RenewLeaseAsync(s.key, s.leaseToken, token), (key, leaseToken));

    public ValueTask<Answer<LeaseEnd>> ReleaseLeaseAsync(string key, long leaseToken) =>
        WriteAsync("release_lease", static (level, s, token) => level.ReleaseLeaseAsync(s.key, s.leaseToken, token), (key, leaseToken));

    public ValueTask<Answer<bool>> TouchAsync(string key, long id, TimeSpan left, TimeSpan sliding) =>
        WriteAsync("touch", static async (level, s, token) =>
        {
            await level.TouchAsync(s.key, s.id, s.left, s.sliding, token).ConfigureAwait(false);
            return true;
        }, (key, id, left, sliding));

    public bool HasIndexes => _inner.HasIndexes;

    public ValueTask<Answer<bool>> AddToIndexAsync(string index, string key, TimeSpan life) =>
        WriteAsync("add_to_index", static async (level, s, token) =>
        {
            await level.AddToIndexAsync(s.index, s.key, s.life, token).ConfigureAwait(false);
            return true;
        }, (index, key, life));

    public ValueTask<Answer<IndexPage>> ReadIndexAsync(string index, long cursor) =>
        ReadAsync("read_index", static (level, s, token) => level.ReadIndexAsync(s.index, s.cursor, token), (index, cursor));

    public ValueTask<Answer<bool>> RemoveFromIndexAsync(string index, IReadOnlyCollection<IndexMember> members) =>
        WriteAsync("remove_from_index", static async (level, s, token) =>
        {
            await level.RemoveFromIndexAsync(s.index, s.members, token).ConfigureAwait(false);
            return true;
        }, (index, members));

    public bool CanList => _inner.CanList;

    /// <summary>Not guarded, as a purge.</summary>
    public IAsyncEnumerable<IReadOnlyList<string>> ListAsync(string start, bool withLeases, CancellationToken cancellationToken) => _inner.ListAsync(start, withLeases, cancellationToken);

    /// <summary>Not guarded: what is in this process can always be forgotten, whatever the server does.</summary>
    public void ForgetLocally(string key) =>
        _ = _inner.ForgetLocallyAsync(key, CancellationToken.None).ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default);

    /// <summary>Not guarded: an operator asked for it and is told if it fails.</summary>
    public IAsyncEnumerable<PurgeProgress> PurgeAsync(CancellationToken cancellationToken) => _inner.PurgeAsync(cancellationToken);

    public ValueTask<Answer<bool>> TryClaimPurgeAsync(TimeSpan interval) =>
        WriteAsync("claim_purge", static (level, s, token) => level.TryClaimPurgeAsync(s, token), interval);

    public ValueTask<Answer<long>> AdvanceAsync() => WriteAsync("advance", static (level, _, token) => level.AdvanceAsync(token), 0);

    /// <summary>
    /// A write that was given up may still arrive, after a removal that did not wait for it. Without leases nothing stops it, so
    /// what it leaves is removed.
    /// </summary>
    private void RemoveLateWrite(Task write, MemoryKey entry, string key) =>
        _ = write.ContinueWith(
            async late =>
            {
                _ = late.Exception;
                if (await RemoveAsync(key).ConfigureAwait(false) is { Succeeded: false } answer)
                {
                    // The breaker may be open, of all moments now.
                    LateWriteLeft?.Invoke(entry, key, answer.Failure);
                }
            },
            TaskScheduler.Default);

    /// <summary>A lease that is granted to a load which no longer waits for it would only hold up others.</summary>
    private void GiveBackLateLease(Task<LeaseAnswer> lease, string key, long leaseToken) =>
        _ = lease.ContinueWith(
            async late =>
            {
                if (late.IsCompletedSuccessfully && (await late.ConfigureAwait(false)).Granted)
                {
                    await ReleaseLeaseAsync(key, leaseToken).ConfigureAwait(false);
                }
            },
            TaskScheduler.Default);

    /// <summary>A call to the server that is not the second level's, with the timeout of its kind.</summary>
    public ValueTask<Answer<T>> AskAsync<TState, T>(string operation, Func<TState, Task<T>> call, TState state, bool isRead, Action<Task<T>>? onLate) =>
        RunAsync(operation, call, state, isRead ? _timeouts.Read : _timeouts.Write, isRead ? Read : Write, onLate);

    /// <remarks>
    /// Nothing is used that was read while another server took over: what it holds may be from before an invalidation that the lost one had acknowledged. Who takes over is reported before
    /// the answer is used, so an answer of the new one finds another server than at its beginning, or one that has yet to be told.
    /// </remarks>
    private async ValueTask<Answer<T>> ReadAsync<TState, T>(string operation, Func<SecondLevel, TState, CancellationToken, Task<T>> call, TState state, Action<Task<T>>? onLate = null)
    {
        if (_readable() is not { } server)
        {
            return new Answer<T>(false, default, TakenOver);
        }

        var answer = await RunAsync(operation, call, state, _timeouts.Read, Read, onLate).ConfigureAwait(false);

        // After a failure too: a server that is seen to be away is known to be another one when it is back.
        var isSame = LooksTheSame(server);
        if (!answer.Succeeded || isSame)
        {
            return answer;
        }

        onLate?.Invoke(Task.FromResult(answer.Value));
        (answer.Value as IDisposable)?.Dispose();
        foreach (var stored in answer.Value as StoredPayload[] ?? [])
        {
            stored.Dispose();
        }

        return new Answer<T>(false, default, TakenOver);
    }

    private bool LooksTheSame(int? server)
    {
        try
        {
            _inner.LookForTakeover();
        }
        catch (Exception)
        {
            // Whoever is told may fail, a logger for example. Then it is not known who has answered.
            return false;
        }

        return _readable() == server;
    }

    private ValueTask<Answer<T>> WriteAsync<TState, T>(string operation, Func<SecondLevel, TState, CancellationToken, Task<T>> call, TState state, Action<Task<T>>? onLate = null) =>
        RunAsync(operation, call, state, _timeouts.Write, Write, onLate);

    private ValueTask<Answer<T>> InvalidateAsync<TState, T>(string operation, Func<SecondLevel, TState, CancellationToken, Task<T>> call, TState state) =>
        RunAsync(operation, call, state, _timeouts.Invalidation, Invalidate, null);

    private ValueTask<Answer<T>> RunAsync<TState, T>(
        string operation, Func<SecondLevel, TState, CancellationToken, Task<T>> call, TState state, TimeSpan timeout, string kind, Action<Task<T>>? onLate) =>
        RunAsync(operation, static s => s.call(s.inner, s.state, CancellationToken.None), (inner: _inner, call, state), timeout, kind, onLate);

    // What is not even tried took no time.
    private ValueTask<Answer<T>> RunAsync<TState, T>(string operation, Func<TState, Task<T>> call, TState state, TimeSpan timeout, string kind, Action<Task<T>>? onLate) =>
        (_metrics.SecondLevelDuration.Enabled || LarderActivities.FollowsSecondLevel) && !IsOpen
            ? ObserveAsync(operation, call, state, timeout, kind, onLate)
            : Guard.RunAsync(call, state, timeout, kind, onLate);

    private async ValueTask<Answer<T>> ObserveAsync<TState, T>(string operation, Func<TState, Task<T>> call, TState state, TimeSpan timeout, string kind, Action<Task<T>>? onLate)
    {
        using var activity = LarderActivities.StartOperation(operation, _inner.SystemName);
        var began = _time.GetTimestamp();
        var answer = await Guard.RunAsync(call, state, timeout, kind, onLate).ConfigureAwait(false);
        var tags = new TagList { LarderMetrics.Tag(AttributeNames.Operation, operation) };
        if (!answer.Succeeded)
        {
            var error = LarderActivities.ErrorType(answer.Failure);
            tags.Add(LarderMetrics.Tag(AttributeNames.ErrorType, error));
            activity.Fail(error);
        }

        _metrics.SecondLevelDuration.Record(_time.GetElapsedTime(began).TotalSeconds, tags);
        return answer;
    }
}
