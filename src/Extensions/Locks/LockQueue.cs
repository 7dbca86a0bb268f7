using System.Runtime.InteropServices;

namespace Larder.Locks;

/// <summary>Lets one caller of this process at a time have a name, in the order in which they came.</summary>
/// <remarks>
/// It is the whole lock where there is no server. Before a server it lets only one caller of a node ask there, so that a thousand that wait cost the server one that polls.
/// </remarks>
internal sealed class LockQueue
{
    private readonly Dictionary<(bool IsLocal, string Key), LinkedList<TaskCompletionSource>> _names = [];
    private readonly Lock _lock = new();

    /// <summary>How many names are held or waited for.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _names.Count;
            }
        }
    }

    /// <summary>Waits for the name. False if it was not free in time; then nothing is left behind, as after a cancellation.</summary>
    public async ValueTask<bool> EnterAsync((bool IsLocal, string Key) name, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource> turn;
        lock (_lock)
        {
            ref var waiting = ref CollectionsMarshal.GetValueRefOrAddDefault(_names, name, out var taken);
            if (!taken)
            {
                waiting = [];
                return true;
            }

            if (timeout == TimeSpan.Zero)
            {
                return false;
            }

            turn = waiting!.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        try
        {
            await turn.Value.Task.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            lock (_lock)
            {
                // Whoever takes the turn out of the list decides: Leave has given it to this caller, or this caller gives up.
                if (turn.List is { } waiting)
                {
                    waiting.Remove(turn);
                    turn = null!;
                }
            }

            if (turn is not null)
            {
                Leave(name);
            }

            return exception is TimeoutException ? false : throw new OperationCanceledException(cancellationToken);
        }
    }

    /// <summary>The name goes to who has waited for it longest.</summary>
    public void Leave((bool IsLocal, string Key) name)
    {
        TaskCompletionSource next;
        lock (_lock)
        {
            var waiting = _names[name];
            if (waiting.First is not { } first)
            {
                _names.Remove(name);
                return;
            }

            waiting.RemoveFirst();
            next = first.Value;
        }

        next.TrySetResult();
    }
}
