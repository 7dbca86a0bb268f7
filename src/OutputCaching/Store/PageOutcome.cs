namespace Larder.Http;

/// <summary>How a request that computes a page has ended.</summary>
internal sealed record PageOutcome
{
    /// <summary>The response failed, or nobody knows how it would have ended: a stale page may stand in, and the next request tries again.</summary>
    public static readonly PageOutcome Failed = new();

    /// <summary>The response is not for others.</summary>
    public static readonly PageOutcome NotStored = new() { Page = Http.Page.NotStored };

    public Page? Page { get; init; }

    public PageTerms? Terms { get; init; }
}
