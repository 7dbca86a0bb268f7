using System.Buffers;

namespace Larder.PipelinesSockets.Tests.Units;

/// <summary>
/// Knows what is rented, and marks what came back. Nothing is rented twice, so a mark that is gone later was
/// overwritten by somebody who no longer owned the memory.
/// </summary>
internal sealed class TrackingPool : MemoryPool<byte>
{
    private const byte Returned = 0xCC;
    private readonly List<byte[]> _returned = [];
    private int _rented;

    public int Rented => Volatile.Read(ref _rented);

    public override int MaxBufferSize => int.MaxValue;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        Interlocked.Increment(ref _rented);
        return new Owner(this, new byte[Math.Max(minBufferSize, 4096)]);
    }

    public void AssertNothingWasWrittenAfterReturn()
    {
        lock (_returned)
        {
            Assert.All(_returned, array => Assert.True(array.AsSpan().IndexOfAnyExcept(Returned) < 0, "memory was written to after its return"));
        }
    }

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class Owner(TrackingPool pool, byte[] array) : IMemoryOwner<byte>
    {
        private int _disposed;

        public Memory<byte> Memory => array;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) != 0)
            {
                return;
            }

            array.AsSpan().Fill(Returned);
            lock (pool._returned)
            {
                pool._returned.Add(array);
            }

            Interlocked.Decrement(ref pool._rented);
        }
    }
}
