using System.Diagnostics;

namespace Larder.Diagnostics;

/// <summary>Where a hit was found.</summary>
internal enum HitLevel
{
    Memory,
    Second,
}

/// <summary>What a hit gave.</summary>
internal enum HitOutcome
{
    Fresh,
    Stale,
    NotFound,
}

/// <summary>A scope as attributes of measurements: its namespace, and its tenant where that is asked for. Those of hits stand ready, so that a hit makes none.</summary>
internal sealed class ScopeLabels
{
    private static readonly string[] Levels = ["memory", "second"];
    private static readonly string[] Outcomes = ["fresh", "stale", "not_found"];

    private readonly KeyValuePair<string, object?>[][] _hits;

    public ScopeLabels(string? @namespace, string? tenant)
    {
        List<KeyValuePair<string, object?>> scope = [];
        if (@namespace is not null)
        {
            scope.Add(LarderMetrics.Tag(AttributeNames.Namespace, @namespace));
        }

        if (tenant is not null)
        {
            scope.Add(LarderMetrics.Tag(AttributeNames.Tenant, tenant));
        }

        Scope = [.. scope];
        _hits = [.. Levels.SelectMany(level => Outcomes.Select<string, KeyValuePair<string, object?>[]>(
            outcome => [LarderMetrics.Tag(AttributeNames.Level, level), LarderMetrics.Tag(AttributeNames.Outcome, outcome), .. Scope]))];
    }

    /// <summary>What belongs to no scope that is known here.</summary>
    public static ScopeLabels None { get; } = new(null, null);

    /// <summary>The attributes of the scope alone.</summary>
    public KeyValuePair<string, object?>[] Scope { get; }

    public ReadOnlySpan<KeyValuePair<string, object?>> Hit(HitLevel level, HitOutcome outcome) => _hits[((int)level * Outcomes.Length) + (int)outcome];

    /// <summary>The scope's attributes behind others.</summary>
    public TagList With(KeyValuePair<string, object?> first)
    {
        var tags = new TagList { first };
        foreach (var tag in Scope)
        {
            tags.Add(tag);
        }

        return tags;
    }

    public TagList With(KeyValuePair<string, object?> first, KeyValuePair<string, object?> second)
    {
        var tags = With(first);
        tags.Add(second);
        return tags;
    }
}
