using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>
/// The key of a page. The framework joins the values it varies by without their lengths, so some different requests get
/// the same key there; here every part is hashed with its length.
/// </summary>
internal static class PageKey
{
    /// <summary>The key, or null if it is to hold who asks and that is not known. What base policies vary by is part of it.</summary>
    public static string? Make(CacheVaryByRules rules, HttpContext context, CacheScope scope, CacheRouteAttribute route)
    {
        var request = context.Request;
        using var digest = new KeyDigest();
        digest.Add("route").Add(PageScope.Text(scope));
        digest.Add(request.Method).Add(request.Scheme).Add(rules.VaryByHost ? request.Host.Value : null);
        digest.Add(request.PathBase.Value).Add(request.Path.Value);
        AddQuery(digest, request.Query, route.Query);
        AddHeaders(digest, request.Headers, route.Headers);
        AddHeaders(digest, request.Headers, rules.HeaderNames!);
        AddOthers(digest, rules);
        return UserKey.TryAdd(digest, context.User, route) ? digest.Finish() : null;
    }

    /// <summary>Leaves nothing to the framework to join but the text given.</summary>
    public static void Replace(CacheVaryByRules rules, string key)
    {
        rules.CacheKeyPrefix = key;
        rules.QueryKeys = StringValues.Empty;
        rules.HeaderNames = StringValues.Empty;
        rules.RouteValueNames = StringValues.Empty;
        rules.VaryByValues.Clear();
    }

    private static void AddQuery(KeyDigest digest, IQueryCollection query, string[] names)
    {
        digest.AddNumber(names.Length);
        foreach (var name in names)
        {
            digest.AddAll(query.TryGetValue(name, out var values) ? values : StringValues.Empty);
        }
    }

    private static void AddHeaders(KeyDigest digest, IHeaderDictionary headers, IReadOnlyCollection<string> names)
    {
        digest.AddNumber(names.Count);
        foreach (var name in names)
        {
            digest.Add(name).AddAll(headers[name ?? ""]);
        }
    }

    // Rules of base policies, which run before this one. Query parameters and route values need no rule: the
    // allow-list and the path say it.
    private static void AddOthers(KeyDigest digest, CacheVaryByRules rules)
    {
        digest.Add(rules.CacheKeyPrefix).AddNumber(rules.VaryByValues.Count);
        foreach (var (name, value) in rules.VaryByValues.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            digest.Add(name).Add(value);
        }
    }
}
