namespace Larder;

/// <summary>What the dashboard shows, and to whom.</summary>
public sealed class LarderDashboardOptions
{
    /// <summary>Which authorization policy applies. Default null: the application's default policy, which is that somebody has logged in.</summary>
    public string? AuthorizationPolicy { get; set; }

    /// <summary>
    /// Whether values of entries can be looked at. Default false: an entry shows all that is known of it but its value. Those who may see the dashboard then read the data of all
    /// tenants, also what is encrypted at the second level.
    /// </summary>
    public bool AllowValues { get; set; }

    /// <summary>How often an open page is told what is new. Default 2 s; 250 ms to 10 s. While no page is open, counts are noted every 30 s.</summary>
    public TimeSpan SampleInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How many pages are told at once; one beyond that is refused with 503 and tries again. Default 32; 1 to 1,000.</summary>
    public int MaximumConnections { get; set; } = 32;

    internal void Validate()
    {
        Require(SampleInterval >= TimeSpan.FromMilliseconds(250) && SampleInterval <= TimeSpan.FromSeconds(10), nameof(SampleInterval), SampleInterval, "It must be from 250 ms to 10 s.");
        Require(MaximumConnections is >= 1 and <= 1_000, nameof(MaximumConnections), MaximumConnections, "It must be from 1 to 1,000.");
        Require(AuthorizationPolicy is not "", nameof(AuthorizationPolicy), AuthorizationPolicy, "It is empty. Name a policy, or null for the application's default.");
    }

    private static void Require(bool holds, string name, object? value, string rule)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(name, value, FormattableString.Invariant($"{nameof(LarderDashboardOptions)}.{name} is '{value}'. {rule}"));
        }
    }
}
