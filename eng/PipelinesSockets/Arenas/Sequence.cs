namespace Pipelines.Sockets.Unofficial.Arenas;

/// <summary>A <see cref="Sequence{T}"/> without its element type, so that an element can hold a sequence of its own kind.</summary>
public readonly struct Sequence
{
    private readonly object? _array;
    private readonly int _offset;
    private readonly int _length;

    internal Sequence(object? array, int offset, int length)
    {
        _array = array;
        _offset = offset;
        _length = length;
    }

    public long Length => _length;

    public Sequence<T> Cast<T>() => new((T[]?)_array, _offset, _length);
}

/// <summary>A run of elements handed out by an <see cref="Arena{T}"/>: always one segment here.</summary>
public readonly struct Sequence<T>
{
    private readonly T[]? _array;
    private readonly int _offset;
    private readonly int _length;

    internal Sequence(T[]? array, int offset, int length)
    {
        _array = array;
        _offset = offset;
        _length = length;
    }

    public bool IsSingleSegment => true;

    public bool IsEmpty => _length == 0;

    public long Length => _length;

    public Span<T> FirstSpan => _array.AsSpan(_offset, _length);

    public SpanEnumerable Spans => new(this);

    public ref T this[int index] => ref FirstSpan[index];

    public Enumerator GetEnumerator() => new(_array, _offset, _length);

    public Sequence Untyped() => new(_array, _offset, _length);

    public struct Enumerator
    {
        private readonly T[]? _array;
        private readonly int _last;
        private int _index;

        internal Enumerator(T[]? array, int offset, int length)
        {
            _array = array;
            _index = offset - 1;
            _last = offset + length - 1;
        }

        public readonly ref T Current => ref _array![_index];

        public bool MoveNext()
        {
            if (_index >= _last)
            {
                return false;
            }

            _index++;
            return true;
        }

        public ref T GetNext()
        {
            if (!MoveNext())
            {
                throw new InvalidOperationException("The sequence has no further element.");
            }

            return ref Current;
        }
    }

    public readonly struct SpanEnumerable
    {
        private readonly Sequence<T> _sequence;

        internal SpanEnumerable(in Sequence<T> sequence) => _sequence = sequence;

        public SpanEnumerator GetEnumerator() => new(_sequence);
    }

    public struct SpanEnumerator
    {
        private readonly Sequence<T> _sequence;
        private bool _done;

        internal SpanEnumerator(in Sequence<T> sequence)
        {
            _sequence = sequence;
            _done = sequence.IsEmpty;
        }

        public readonly Span<T> Current => _sequence.FirstSpan;

        public bool MoveNext()
        {
            var more = !_done;
            _done = true;
            return more;
        }
    }
}
