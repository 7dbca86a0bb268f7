namespace Pipelines.Sockets.Unofficial;

/// <summary>Walks a multicast delegate's targets without allocating the invocation list.</summary>
public static class Delegates
{
    public static bool IsSingle(this MulticastDelegate handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return handler.HasSingleTarget;
    }

    public static DelegateEnumerable<T> AsEnumerable<T>(this T handler)
        where T : MulticastDelegate
        => new(handler);

    public readonly struct DelegateEnumerable<T>
        where T : MulticastDelegate
    {
        private readonly T? _handler;

        internal DelegateEnumerable(T? handler) => _handler = handler;

        public DelegateEnumerator<T> GetEnumerator() => new(_handler);
    }

    // IDisposable is part of the contract although no member reference shows it: callers' foreach loops
    // were compiled to a constrained call of Dispose, and without it the JIT ends the process.
    public struct DelegateEnumerator<T> : IDisposable
        where T : MulticastDelegate
    {
        private Delegate.InvocationListEnumerator<T> _inner;

        internal DelegateEnumerator(T? handler) => _inner = Delegate.EnumerateInvocationList(handler);

        public readonly T Current => _inner.Current;

        public bool MoveNext() => _inner.MoveNext();

        public readonly void Dispose()
        {
        }
    }
}
