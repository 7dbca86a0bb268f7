namespace Larder.Consistency.Nodes;

/// <summary>Which part of the cache is put out of action, to see whether the checker finds out.</summary>
internal enum Broken
{
    Nothing,
    Leases,
    Stamps,

    /// <summary>With <see cref="NodeSettings.Policies"/>: what is loaded in the background goes without the tags of the value that it replaces.</summary>
    Refresh,
}

/// <summary>Which cache is checked.</summary>
internal enum CacheKind
{
    Larder,

    /// <summary>A simple two-level <c>HybridCache</c> without what the checker looks for.</summary>
    Simple,
}

/// <summary>How a node is made; goes to node processes as JSON.</summary>
internal sealed record NodeSettings
{
    public CacheKind Cache { get; init; }

    public string Server { get; init; } = "";

    public string Prefix { get; init; } = "check";

    public Broken Broken { get; init; }

    /// <summary>All policies are on, and the source fails now and then.</summary>
    public bool Policies { get; init; }

    /// <summary>The clocks of the nodes differ by up to this much, in both directions.</summary>
    public TimeSpan ClockSkew { get; init; }

    public TimeSpan BackplaneTimeout { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(2);

    public int Tenants { get; init; } = 3;

    public int KeysPerTenant { get; init; } = 40;

    public int TagsPerTenant { get; init; } = 8;

    public int Readers { get; init; } = 32;

    public int Writers { get; init; } = 2;

    /// <summary>The longest that a load takes.</summary>
    public TimeSpan Load { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The longest that a call to the second level is held up on its way there or back, now and then.</summary>
    public TimeSpan LevelDelay { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest that a batch of the backplane is held up.</summary>
    public TimeSpan BackplaneDelay { get; init; } = TimeSpan.FromMilliseconds(30);

    public int Seed { get; init; } = 1;

    public Checking.Topology Topology => new(Tenants, KeysPerTenant, TagsPerTenant);
}
