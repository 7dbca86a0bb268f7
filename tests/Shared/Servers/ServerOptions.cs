namespace Larder.Tests.Shared;

/// <summary>How a server is started.</summary>
public sealed record ServerOptions
{
    /// <summary>What clients must send; null lets everyone in.</summary>
    public string? Password { get; init; }

    /// <summary>Whether every write reaches the data folder, so that a killed server comes back with its data.</summary>
    public bool Persistent { get; init; }

    /// <summary>Further lines for the configuration file, such as <c>maxmemory 10mb</c>. They win over the fixture's own.</summary>
    public IReadOnlyList<string> Lines { get; init; } = [];
}
