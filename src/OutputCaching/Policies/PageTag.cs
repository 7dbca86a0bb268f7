using Larder.Scopes;

namespace Larder.Http;

/// <summary>The text under which the framework's store knows a tag of a tenant.</summary>
internal static class PageTag
{
    /// <summary>
    /// <c>larder:{tenant}:{project}:{tag}</c>. The two parts of the scope contain no separator, so the text splits in one way.
    /// </summary>
    public static string Text(CacheScope scope, string tag) => $"larder:{ScopeText(scope)}:{tag}";

    public static string ScopeText(CacheScope scope) => ScopedKey.ProjectId(scope);

    /// <summary>The scope of a page: that of the request, without its namespace.</summary>
    public static CacheScope PageScope(CacheScope scope) => scope.Namespace is null ? scope : scope.WithNamespace(null);
}
