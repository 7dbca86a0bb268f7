using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Pipelines.Sockets.Unofficial;

/// <summary>Socket arguments that can be awaited, one operation after the other, without an allocation per operation.</summary>
public class SocketAwaitableEventArgs : SocketAsyncEventArgs, ICriticalNotifyCompletion
{
    private static readonly Action s_completed = static () => { };

    private readonly PipeScheduler? _scheduler;
    private Action? _continuation;
    private volatile int _abortedWith;

    /// <param name="scheduler">Runs continuations; null to run them on the completing thread.</param>
    public SocketAwaitableEventArgs(PipeScheduler? scheduler = null)
        : base(true)
    {
        // The base suppresses the flow of the execution context: the awaiter restores its own.
        // Completions already arrive on pool threads: a second hop would only add latency.
        var inline = scheduler is null || ReferenceEquals(scheduler, PipeScheduler.ThreadPool) || ReferenceEquals(scheduler, PipeScheduler.Inline);
        _scheduler = inline ? null : scheduler;
    }

    public bool IsCompleted => ReferenceEquals(Volatile.Read(ref _continuation), s_completed) || _abortedWith != 0;

    public SocketAwaitableEventArgs GetAwaiter() => this;

    /// <summary>
    /// Ends the wait with an error. Sticky: it beats a completion that comes later, and one whose result was not
    /// read yet, so a connect that races with its timeout has one outcome. The operation itself goes on; only for
    /// operations without a buffer, such as connect, because awaiting code takes the buffer back when it resumes.
    /// </summary>
    public void Abort(SocketError error = SocketError.OperationAborted)
    {
        if (error == SocketError.Success)
        {
            throw new ArgumentException("An abort needs an error.", nameof(error));
        }

        Interlocked.CompareExchange(ref _abortedWith, (int)error, 0);
        Complete();
    }

    /// <summary>Marks an operation that ended synchronously, for which no event is raised.</summary>
    public void Complete()
    {
        // The exchange makes sure that of completion and abort exactly one runs the continuation.
        var continuation = Interlocked.Exchange(ref _continuation, s_completed);
        if (continuation is null || ReferenceEquals(continuation, s_completed))
        {
            return;
        }

        Run(continuation);
    }

    public int GetResult()
    {
        // Ready for the next operation. An abort that slips in after this line is seen by IsCompleted and OnCompleted.
        Volatile.Write(ref _continuation, null);
        var error = _abortedWith != 0 ? (SocketError)_abortedWith : SocketError;
        return error == SocketError.Success ? BytesTransferred : throw new SocketException((int)error);
    }

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation)
    {
        var previous = Interlocked.CompareExchange(ref _continuation, continuation, null);
        if (ReferenceEquals(previous, s_completed))
        {
            // Completed between IsCompleted and here. Queued, so that a run of such races cannot grow the stack.
            ThreadPool.UnsafeQueueUserWorkItem(static action => action(), continuation, preferLocal: true);
        }
        else if (previous is not null)
        {
            throw new InvalidOperationException("Only one operation can be awaited at a time.");
        }
        else if (_abortedWith != 0)
        {
            Complete();
        }
    }

    protected override void OnCompleted(SocketAsyncEventArgs e) => Complete();

    private void Run(Action continuation)
    {
        if (_scheduler is null)
        {
            continuation();
        }
        else
        {
            _scheduler.Schedule(static state => ((Action)state!)(), continuation);
        }
    }
}
