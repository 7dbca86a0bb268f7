using System.Runtime.InteropServices;

namespace Larder.Consistency.Checking;

/// <summary>What the workers of one or more nodes did and saw.</summary>
internal sealed class History
{
    private long _reads;
    private long _refusals;

    public List<ChangeEvent> Changes { get; } = [];

    public List<ReadEvent> Suspects { get; } = [];

    public List<Disturbance> Disturbances { get; } = [];

    /// <summary>Calls that threw or never ended: none may.</summary>
    public List<string> Failures { get; } = [];

    public long Reads => _reads;

    /// <summary>Reads that were told that there is no value to be had now, as they may be.</summary>
    public long Refusals => _refusals;

    public long Operations => _reads + Changes.Count;

    public void CountReads(long count) => _reads += count;

    public void CountRefusal() => _refusals++;

    public void Add(History other)
    {
        Changes.AddRange(other.Changes);
        Suspects.AddRange(other.Suspects);
        Disturbances.AddRange(other.Disturbances);
        Failures.AddRange(other.Failures);
        _reads += other._reads;
        _refusals += other._refusals;
    }

    public void Save(string path)
    {
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write(_reads);
        writer.Write(_refusals);
        Write(writer, Changes);
        Write(writer, Suspects);
        writer.Write(Disturbances.Count);
        foreach (var disturbance in Disturbances)
        {
            writer.Write(disturbance.Cause);
            writer.Write(disturbance.Node);
            writer.Write(disturbance.From);
            writer.Write(disturbance.To);
            writer.Write(disturbance.Grace.Ticks);
        }

        writer.Write(Failures.Count);
        Failures.ForEach(writer.Write);
    }

    public static History Load(string path)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        var history = new History { _reads = reader.ReadInt64(), _refusals = reader.ReadInt64() };
        Read(reader, history.Changes);
        Read(reader, history.Suspects);
        for (var left = reader.ReadInt32(); left > 0; left--)
        {
            history.Disturbances.Add(new Disturbance(
                reader.ReadString(), reader.ReadInt32(), reader.ReadInt64(), reader.ReadInt64(), new TimeSpan(reader.ReadInt64())));
        }

        for (var left = reader.ReadInt32(); left > 0; left--)
        {
            history.Failures.Add(reader.ReadString());
        }

        return history;
    }

    private static void Write<T>(BinaryWriter writer, List<T> events)
        where T : unmanaged
    {
        writer.Write(events.Count);
        writer.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(events)));
    }

    private static void Read<T>(BinaryReader reader, List<T> events)
        where T : unmanaged
    {
        CollectionsMarshal.SetCount(events, reader.ReadInt32());
        reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(events)));
    }
}
