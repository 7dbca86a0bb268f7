using System.Buffers;

namespace Larder.Engine;

/// <summary>A growing pooled buffer with a limit.</summary>
internal sealed class PayloadWriter(long maximumBytes) : IBufferWriter<byte>, IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(512);
    private int _written;
    private bool _abandoned;

    /// <summary>The most that may be written.</summary>
    public long Limit { get; set; } = maximumBytes;

    public int Length => _written;

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, _written);

    public Span<byte> WrittenSpan => _buffer.AsSpan(0, _written);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - _written);
        _written += count;
        if (_written > Limit)
        {
            throw new PayloadTooLargeException(Limit);
        }
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _buffer.AsMemory(_written);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _buffer.AsSpan(_written);
    }

    /// <summary>Leaves the buffer to the garbage collector: someone may still be reading it.</summary>
    public void Abandon() => _abandoned = true;

    public void Dispose()
    {
        var buffer = _buffer;
        _buffer = [];
        _written = 0;
        if (buffer.Length != 0 && !_abandoned)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Reserve(int sizeHint)
    {
        var needed = (long)_written + Math.Max(sizeHint, 1);
        if (needed <= _buffer.Length)
        {
            return;
        }

        // A writer may ask for more than it uses, so the limit is checked on what it has written; but not for absurdly more.
        if (needed > Math.Max(Limit * 4, 4096) && _written >= Limit)
        {
            throw new PayloadTooLargeException(Limit);
        }

        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(Math.Max(needed, _buffer.Length * 2L), Array.MaxLength));
        _buffer.AsSpan(0, _written).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}

/// <summary>A value serialized to more than the limit.</summary>
internal sealed class PayloadTooLargeException(long maximumBytes) : Exception($"The serialized value is larger than {maximumBytes} bytes.");
