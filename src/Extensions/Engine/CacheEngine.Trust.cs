using Larder.Backplane;
using Larder.Diagnostics;

namespace Larder.Engine;

/// <remarks>
/// <para>A node trusts its memory until <c>_trustedUntil</c>. Each proof that it hears the others (see <see cref="BackplaneChannel"/>)
/// moves that moment to <c>BackplaneTimeout</c> after the proof was sent. A hit compares it with the clock, so a node that was
/// suspended distrusts its memory with the first read after it wakes, before any timer has run.</para>
/// <para>When trust has lapsed and a proof arrives again, or a gap shows, everything is put in doubt once: each entry is then
/// compared with the second level on its next use (stamps, and its own id), and served if they agree.</para>
/// </remarks>
internal sealed partial class CacheEngine : IBackplaneListener
{
    private readonly Lock _trust = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _background;
    private readonly Task _purging;
    private TaskCompletionSource _wake = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _trustedUntil = long.MaxValue;
    private long _doubtGeneration;
    private bool _interrupted;
    private int _restored;
    private int _reapplied;
    private TaskCompletionSource _reapplication = new();
    private readonly Queue<(long At, long Count)> _counts = new();
    private int _uncacheableLogged;
    private int _disposed;

    /// <summary>Whether memory entries are served without asking the second level.</summary>
    public bool IsTrusted => _clock.Now < Volatile.Read(ref _trustedUntil);

    public int PendingCount => _pending.Count;

    /// <summary>
    /// A server has taken over and has not been told yet what this node invalidated last: what it holds may be from before
    /// that, so until then it is not read.
    /// </summary>
    private bool MustReapply => ReadableServer is null;

    /// <summary>The server that may be read, counted as they take over from one another; null while that is not so.</summary>
    private int? ReadableServer
    {
        get
        {
            // In this order: a takeover in between can only make the two differ.
            var restored = Volatile.Read(ref _restored);
            return restored == Volatile.Read(ref _reapplied) ? restored : null;
        }
    }

    /// <summary>Whether the server that could be read when something began is still the one to be read: what was found valid meanwhile by its stamps is.</summary>
    private bool IsReadable(int? server) => server is not null && ReadableServer == server;

    /// <summary>
    /// Whether the second level can be read. A caller who is to be told if it cannot waits for a server that has taken over to be told first, which takes a moment where it answers;
    /// any other loads instead.
    /// </summary>
    private ValueTask<bool> MayReadAsync(CancellationToken cancellationToken)
    {
        if (_second!.RefusesRead())
        {
            return new(false);
        }

        return _options.OnReadFailure == SecondLevelFailure.Throw ? IsReappliedAsync(cancellationToken) : new(!MustReapply);
    }

    /// <summary>Waits until the second level can be read; false if it cannot after the time that a read may take.</summary>
    private async ValueTask<bool> IsReappliedAsync(CancellationToken cancellationToken)
    {
        if (!MustReapply)
        {
            return true;
        }

        Task reapplication;
        lock (_trust)
        {
            reapplication = _reapplication.Task;
        }

        try
        {
            await reapplication.WaitAsync(_timeouts.Read, _clock.Provider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return false;
        }

        return !MustReapply;
    }

    void IBackplaneListener.OnMessage(in BackplaneMessage message)
    {
        switch (message.Kind)
        {
            case MessageKind.KeyChanged:
                CountInvalidation(message, isRemote: true);
                if (_groups.FindScope(message.Scope) is { } changed)
                {
                    var key = new MemoryKey(changed, message.Name);
                    Forget(key);
                    _leaseWaits.Wake(key);
                }

                if (!_keepsMemory)
                {
                    // The wrapped cache keeps entries of scopes that nothing here refers to any more.
                    _second!.ForgetLocally($"{ApplicationPrefix}{message.Scope}:{Scopes.ScopedKey.Key(message.Name)}");
                }

                break;
            case MessageKind.PatternInvalidated:
                CountInvalidation(message, isRemote: true);
                if (!Admin.KeyPattern.TryDecode(message.Name, out var pattern))
                {
                    Doubt("an unknown pattern");
                }
                else if (_groups.FindScope(message.Scope) is { } matched)
                {
                    _ = ForgetMatching(matched, pattern);
                }

                break;
            case MessageKind.KeyFilled:
                if (_groups.FindScope(message.Scope) is { } filled)
                {
                    _leaseWaits.Wake(new MemoryKey(filled, message.Name));
                }

                break;
            case MessageKind.TagInvalidated:
                CountInvalidation(message, isRemote: true);
                if (_groups.FindScope(message.Scope) is { } tagged)
                {
                    _groups.Invalidate(tagged.TagActivity);
                    _groups.Invalidate(tagged.Tag(message.Name));
                }

                break;
            case MessageKind.LevelInvalidated:
                CountInvalidation(message, isRemote: true);
                if (_groups.FindLevel(message.Scope) is { } level)
                {
                    _groups.Invalidate(level);
                }

                break;
            default:
                // A newer node says something this one does not understand.
                Doubt("an unknown message");
                return;
        }

        if (message.Kind != MessageKind.KeyFilled)
        {
            Invalidations.Publish(message, isLocal: false);
        }
    }

    void IBackplaneListener.OnHeard(long sentAt)
    {
        lock (_trust)
        {
            if (MustReapply)
            {
                return;
            }

            if (_interrupted || _clock.Now >= _trustedUntil)
            {
                DoubtEverything();
                _interrupted = false;
            }

            var until = EngineClock.AddSaturating(sentAt, _options.BackplaneTimeout);
            if (until > _trustedUntil)
            {
                Volatile.Write(ref _trustedUntil, until);
            }
        }
    }

    void IBackplaneListener.OnMissed(string cause) => Doubt(cause);

    void IBackplaneListener.OnInterrupted(string cause)
    {
        lock (_trust)
        {
            _interrupted = true;
            Volatile.Write(ref _trustedUntil, 0);
        }

        LogDoubt(cause);
        Wake();
    }

    void IBackplaneListener.OnServerRestored()
    {
        lock (_trust)
        {
            if (!MustReapply)
            {
                _reapplication = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            Volatile.Write(ref _restored, _restored + 1);
            _interrupted = true;
            Volatile.Write(ref _trustedUntil, 0);
        }

        Wake();
    }

    private void Doubt(string cause)
    {
        lock (_trust)
        {
            DoubtEverything();
        }

        LogDoubt(cause);
    }

    // Whoever sees the raised counter must see that keys are in doubt too, so that is said first.
    private void DoubtEverything()
    {
        _groups.DoubtEverything(generation => Volatile.Write(ref _doubtGeneration, generation));
        Invalidations.PublishDoubt();
    }

    // Stamps read before this moment are not used. The clock is coarse: one read in the present moment may have been read before
    // the call began, so without trust only a later one will do.
    private long StampsReadAfter(long now) =>
        _backplane is null ? EngineClock.AddSaturating(now, _options.StampAge / -2)
        : now < Volatile.Read(ref _trustedUntil) ? long.MinValue
        : now + 1;

    // Until when a plain look serves what was verified now.
    private long ServeUntil(EntryTerms? terms, long freshUntil, long now) => Math.Min(terms?.ServeUntil(freshUntil, now) ?? freshUntil, VerifyBy(now));

    // Where no backplane tells of changes: half the age for the stamp an entry was checked with, half for the entry itself; together
    // no more than StampAge.
    private long VerifyBy(long verifiedAt) =>
        _second is null || _backplane is not null ? long.MaxValue : EngineClock.AddSaturating(verifiedAt, _options.StampAge / 2);
}
