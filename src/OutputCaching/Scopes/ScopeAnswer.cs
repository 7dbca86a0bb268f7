namespace Larder.Http;

/// <summary>What a rule found: nothing, a name, or several names between which it must not choose.</summary>
internal readonly record struct ScopeAnswer(string? Name, bool Ambiguous)
{
    public static readonly ScopeAnswer Nothing = new(null, false);

    public static readonly ScopeAnswer Several = new(null, true);

    /// <summary>A name; null and empty count as nothing.</summary>
    public static ScopeAnswer Of(string? name) => string.IsNullOrEmpty(name) ? Nothing : new ScopeAnswer(name, false);
}
