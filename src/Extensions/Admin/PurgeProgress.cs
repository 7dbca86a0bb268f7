namespace Larder;

/// <summary>How far a purge has come.</summary>
/// <param name="Scanned">Entries looked at, in memory and at the server.</param>
/// <param name="Removed">Invalidated entries removed.</param>
public readonly record struct PurgeProgress(long Scanned, long Removed)
{
    /// <summary>Keys taken out of index sets because their entries are gone or belong elsewhere now.</summary>
    public long IndexMembersRemoved { get; init; }

    internal PurgeProgress Plus(PurgeProgress other) =>
        new(Scanned + other.Scanned, Removed + other.Removed) { IndexMembersRemoved = IndexMembersRemoved + other.IndexMembersRemoved };
}
