namespace Larder.Engine;

/// <summary>A value in both its forms: what goes to the second level, and what its serializer wrote, which memory keeps. Two buffers only where they differ.</summary>
internal sealed class SerializedPayload(PayloadWriter payload, PayloadWriter? plain, int headerLength) : IDisposable
{
    /// <summary>What is stored: the header and behind it the value, perhaps compressed and encrypted.</summary>
    public ReadOnlyMemory<byte> Written => payload.Written;

    /// <summary>What the serializer wrote.</summary>
    public ReadOnlyMemory<byte> Value => plain?.Written ?? payload.Written[headerLength..];

    /// <summary>How much the value and its header take in memory.</summary>
    public int Length => headerLength + Value.Length;

    /// <summary>Leaves what is stored to the garbage collector: someone may still be reading it.</summary>
    public void Abandon() => payload.Abandon();

    public void Dispose()
    {
        payload.Dispose();
        plain?.Dispose();
    }
}
