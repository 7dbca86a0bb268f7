namespace Pipelines.Sockets.Unofficial.Arenas;

/// <summary>
/// Hands out runs of elements that live until <see cref="Reset"/>. Each run is one contiguous slice of a plain
/// array, so memory never moves: growing adds a block and leaves those handed out where they are.
/// </summary>
/// <remarks>
/// Arrays come from the garbage collector and not from a pool, because a connection disposes its arena while its
/// read loop may still be parsing: a pooled array could then be handed to somebody else.
/// </remarks>
public sealed class Arena<T> : IDisposable
{
    private const int LargestGrownBlock = 64 * 1024;

    private readonly ArenaOptions _options;
    private readonly List<T[]> _full = [];
    private T[] _block = [];
    private int _used;
    private long _kept;

    public Arena(ArenaOptions? options = null, Allocator<T>? allocator = null)
    {
        _ = allocator;
        _options = options ?? ArenaOptions.Default;
    }

    public Sequence<T> Allocate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (length == 0)
        {
            return default;
        }

        // One read of the field: Dispose may replace it while this runs.
        var block = _block;
        if (length > block.Length - _used)
        {
            block = NextBlock(block, length);
        }

        var run = new Sequence<T>(block, _used, length);
        _used += length;
        return run;
    }

    /// <summary>Ends the life of everything handed out since the last call.</summary>
    public void Reset()
    {
        var block = _block;
        long used = _used;
        if (_full.Count == 0)
        {
            // Elements hold pipe segments alive, and callers expect zeroed memory.
            block.AsSpan(0, Math.Min(_used, block.Length)).Clear();
        }
        else
        {
            foreach (var full in _full)
            {
                used += full.Length;
                block = full.Length > block.Length ? full : block;
            }

            _full.Clear();
            Array.Clear(block);
        }

        _used = 0;
        _kept = _options.RetentionPolicy(_kept, used);
        _block = block.Length / 2 > Math.Max(_kept, _options.BlockSize) ? [] : block;
    }

    public void Dispose() => _block = [];

    private T[] NextBlock(T[] current, int length)
    {
        if (_used > 0)
        {
            _full.Add(current);
        }

        var grown = Math.Max(_options.BlockSize, Math.Min(current.Length * 2, LargestGrownBlock));
        _used = 0;
        return _block = new T[Math.Max(length, grown)];
    }
}
