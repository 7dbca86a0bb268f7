namespace Larder.Consistency.Checking;

/// <summary>The source of truth: one version per counter. The nodes may be processes of their own.</summary>
internal sealed class Source : IDisposable
{
    private readonly SharedNumbers _versions;

    private Source(Topology topology, SharedNumbers versions)
    {
        Topology = topology;
        _versions = versions;
    }

    public Topology Topology { get; }

    /// <summary>A source in a file that other processes map too. A new file is all zeros.</summary>
    public static Source Open(Topology topology, string path) => new(topology, SharedNumbers.Open(path, topology.Counters + 1));

    /// <summary>A source for this process alone.</summary>
    public static Source Create(Topology topology) => new(topology, SharedNumbers.Create(topology.Counters + 1));

    public long Raise(int counter) => _versions.Raise(counter);

    /// <summary>A number for a write, so that a value tells which write it comes from.</summary>
    public long NextWrite() => _versions.Raise(Topology.Counters);

    /// <summary>What a load of the key brings now.</summary>
    public Versions Read(int key)
    {
        var versions = default(Versions);
        for (var i = 0; i < Topology.Dimensions; i++)
        {
            versions.Of[i] = _versions.Read(Topology.Counter(key, i));
        }

        return versions;
    }

    public void Dispose() => _versions.Dispose();
}
