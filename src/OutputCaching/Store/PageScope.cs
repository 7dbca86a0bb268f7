using Larder.Scopes;

namespace Larder.Http;

/// <summary>Whose a page is.</summary>
internal static class PageScope
{
    /// <summary>
    /// The scope without its namespace: that of the running call says whose data a service reads, not whose page this is.
    /// </summary>
    public static CacheScope Of(CacheScope scope) => scope.Namespace is null ? scope : scope.WithNamespace(null);

    /// <summary>Tenant and project as one text, different for different ones.</summary>
    public static string Text(CacheScope scope) => ScopedKey.ProjectId(scope);
}
