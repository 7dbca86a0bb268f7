namespace Larder.Compression;

/// <summary>Writes into a buffer of fixed size. What does not fit is dropped, without the exception that a <see cref="MemoryStream"/> would throw.</summary>
internal sealed class BoundedStream(Memory<byte> buffer) : Stream
{
    public int Written { get; private set; }

    public bool IsOverrun { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> source)
    {
        if (IsOverrun || source.Length > buffer.Length - Written)
        {
            IsOverrun = true;
            return;
        }

        source.CopyTo(buffer.Span[Written..]);
        Written += source.Length;
    }

    public override void Write(byte[] source, int offset, int count) => Write(source.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] target, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
