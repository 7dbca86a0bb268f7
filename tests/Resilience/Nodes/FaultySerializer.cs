using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Resilience.Nodes;

/// <summary>An application's serializer that can be made to fail.</summary>
internal sealed class FaultySerializer : IHybridCacheSerializer<Thing>
{
    private volatile bool _failsOnWrite;
    private volatile bool _failsOnRead;
    private long _failures;

    public bool FailsOnWrite
    {
        set => _failsOnWrite = value;
    }

    public bool FailsOnRead
    {
        set => _failsOnRead = value;
    }

    public long Failures => Interlocked.Read(ref _failures);

    public Thing Deserialize(ReadOnlySequence<byte> source)
    {
        if (_failsOnRead)
        {
            Interlocked.Increment(ref _failures);
            throw new InvalidOperationException("This serializer cannot read today.");
        }

        var reader = new Utf8JsonReader(source);
        return JsonSerializer.Deserialize<Thing>(ref reader)!;
    }

    public void Serialize(Thing value, IBufferWriter<byte> target)
    {
        using var writer = new Utf8JsonWriter(target);
        JsonSerializer.Serialize(writer, value);
        writer.Flush();
        if (_failsOnWrite)
        {
            // After it has written something: half a payload must go nowhere.
            Interlocked.Increment(ref _failures);
            throw new InvalidOperationException("This serializer cannot write today.");
        }
    }
}
