using System.IO.MemoryMappedFiles;

namespace Larder.Consistency.Checking;

/// <summary>
/// The source of truth: one version per counter, raised and read atomically. It lies in a mapped file, so that the nodes
/// may be processes of their own.
/// </summary>
internal sealed unsafe class Source : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly long* _versions;

    private Source(Topology topology, MemoryMappedFile file)
    {
        Topology = topology;
        _file = file;
        _view = file.CreateViewAccessor();
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _versions = (long*)start;
    }

    public Topology Topology { get; }

    /// <summary>A source in a file that other processes map too. A new file is all zeros.</summary>
    public static Source Open(Topology topology, string path) =>
        new(topology, MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, (topology.Counters + 1) * sizeof(long)));

    /// <summary>A source for this process alone.</summary>
    public static Source Create(Topology topology) => new(topology, MemoryMappedFile.CreateNew(null, (topology.Counters + 1) * sizeof(long)));

    public long Raise(int counter) => Interlocked.Increment(ref _versions[counter]);

    /// <summary>A number for a write, so that a value tells which write it comes from.</summary>
    public long NextWrite() => Interlocked.Increment(ref _versions[Topology.Counters]);

    /// <summary>What a load of the key brings now.</summary>
    public Versions Read(int key)
    {
        var versions = default(Versions);
        for (var i = 0; i < Topology.Dimensions; i++)
        {
            versions.Of[i] = Volatile.Read(ref _versions[Topology.Counter(key, i)]);
        }

        return versions;
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
