namespace Larder.Resilience.Figures;

/// <summary>What one caller did and got, in one phase. Of that caller only, so nothing is shared and nothing locked.</summary>
internal sealed class Tally
{
    public List<long> Ticks { get; } = [];

    public int Failed { get; set; }

    public int Wrong { get; set; }

    /// <summary>Loads that no cache can save: keys asked for once, values that cannot be stored.</summary>
    public int Unavoidable { get; set; }

    /// <summary>Writes and removals of single keys.</summary>
    public int KeyChanges { get; set; }

    public int TagRemovals { get; set; }
}
