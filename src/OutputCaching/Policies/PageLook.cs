using Larder.Engine;

namespace Larder.Http;

/// <summary>What can be said of a request without awaiting anything: why the cache leaves it alone, the page that is in memory, or where to search for it.</summary>
/// <param name="Terms">Those of the route.</param>
internal readonly record struct PageLook(RouteTerms Terms)
{
    /// <summary>Why the cache leaves the request alone, as <c>Cache-Status</c> shows it.</summary>
    public string? Refusal { get; init; }

    /// <summary>The page that is in memory.</summary>
    public Page? Found { get; init; }

    /// <summary>Whose pages to search, where none is in memory.</summary>
    public ScopeState? Space { get; init; }

    /// <summary>The key to search by.</summary>
    public string? Key { get; init; }
}
