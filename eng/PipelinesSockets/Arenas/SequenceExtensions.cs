namespace Pipelines.Sockets.Unofficial.Arenas;

/// <summary>Turns an element into a result without copying the element.</summary>
public delegate TResult Projection<T, TResult>(in T value);

/// <summary>As <see cref="Projection{T, TResult}"/>, with a state that saves a closure.</summary>
public delegate TResult Projection<T, TState, TResult>(in T value, in TState state);

/// <summary>Projects sequences into arrays and spans.</summary>
public static class SequenceExtensions
{
    public static TResult[] ToArray<T, TResult>(this in Sequence<T> source, Projection<T, TResult> projection)
    {
        ArgumentNullException.ThrowIfNull(projection);
        if (source.IsEmpty)
        {
            return [];
        }

        var result = new TResult[source.Length];
        CopyTo(source, result, projection);
        return result;
    }

    public static TResult[] ToArray<T, TState, TResult>(this in Sequence<T> source, Projection<T, TState, TResult> projection, in TState state)
    {
        ArgumentNullException.ThrowIfNull(projection);
        if (source.IsEmpty)
        {
            return [];
        }

        var result = new TResult[source.Length];
        var span = source.FirstSpan;
        for (var i = 0; i < span.Length; i++)
        {
            result[i] = projection(in span[i], in state);
        }

        return result;
    }

    public static void CopyTo<T, TResult>(this in Sequence<T> source, Span<TResult> destination, Projection<T, TResult> projection)
    {
        ArgumentNullException.ThrowIfNull(projection);
        var span = source.FirstSpan;
        if (span.Length > destination.Length)
        {
            throw new ArgumentException("The destination is shorter than the sequence.", nameof(destination));
        }

        for (var i = 0; i < span.Length; i++)
        {
            destination[i] = projection(in span[i]);
        }
    }
}
