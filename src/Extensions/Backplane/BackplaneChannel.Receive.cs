using Larder.Diagnostics;

namespace Larder.Backplane;

/// <remarks>What is heard: proofs of hearing, gaps, and the messages themselves.</remarks>
internal sealed partial class BackplaneChannel
{
    /// <summary>
    /// Whether a node that was heard before has not been for <paramref name="silence"/> milliseconds. It may have died between
    /// changing something and telling so. Each silence is reported once.
    /// </summary>
    public bool TakeSilentNodes(long silence)
    {
        lock (_lock)
        {
            var before = _clock.Now - silence;
            var silent = _heard.Where(node => node.Value.At < before).Select(node => node.Key).ToArray();
            foreach (var node in silent)
            {
                _heard.Remove(node);
            }

            return silent.Length != 0;
        }
    }

    private void OnInterrupted(string cause)
    {
        lock (_lock)
        {
            _subscription++;
            _listeningSince = _clock.Now;
            _heard.Clear();
        }

        _listener!.OnInterrupted(cause);
    }

    private void OnReceived(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            if (BackplaneBatch.TryDecode(bytes.Span, out var batch))
            {
                Receive(batch);
            }
            else
            {
                _listener!.OnInterrupted("an unreadable message");
            }
        }
        catch (Exception exception)
        {
            // One message that cannot be worked off must not end the subscription, but it may have meant anything.
            if (_limiter.Admits(nameof(Log.BackgroundFailed), "message", out var suppressed))
            {
                _logger.BackgroundFailed(exception, suppressed);
            }

            _listener!.OnInterrupted("a message that could not be worked off");
        }
    }

    private void Receive(BackplaneBatch batch)
    {
        if (batch.Node == Node)
        {
            // In one step with the comparison: a proof through the old subscription must not come after its interruption.
            lock (_lock)
            {
                if (batch.Subscription == _subscription)
                {
                    _ownHeard = batch.Sequence;
                    _measuredLag.Heard(batch.Sequence);
                    Volatile.Write(ref _lag, _clock.Now - batch.SentAt);
                    _listener!.OnHeard(batch.SentAt);
                    _ownHeardNext?.SetResult();
                    _ownHeardNext = null;
                }
            }

            return;
        }

        bool gap;
        lock (_lock)
        {
            var known = _heard.TryGetValue(batch.Node, out var last);

            // The same number again is a copy. A node that is new here though it has spoken before was missed from its first
            // word, unless this node has only begun to listen.
            gap = known
                ? batch.Sequence != last.Sequence + 1 && batch.Sequence != last.Sequence
                : batch.Sequence != 1 && _clock.Now - _listeningSince > _silence;
            _heard[batch.Node] = (known ? Math.Max(last.Sequence, batch.Sequence) : batch.Sequence, _clock.Now);

            // Nodes come and go. Forgetting them costs a doubt: the next batch of each counts as missed from its first word.
            if (_heard.Count > 10_000)
            {
                _heard.Clear();
            }
        }

        foreach (var message in batch.Messages)
        {
            if (message.Kind == MessageKind.Leaving)
            {
                lock (_lock)
                {
                    _heard.Remove(batch.Node);
                }
            }
            else
            {
                _listener!.OnMessage(message);
            }
        }

        if (gap)
        {
            Interlocked.Increment(ref _gaps);
            _metrics.BackplaneGaps.Add(1);
            _listener!.OnMissed("a gap in the numbers of a node");
        }
    }
}
