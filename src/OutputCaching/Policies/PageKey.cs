using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>
/// The key of a page. The framework joins the values it varies by without their lengths, so some different requests get
/// the same key there; here every part stands behind its length.
/// </summary>
internal static class PageKey
{
    /// <summary>
    /// Headers by which a proxy says how its client has called it. Many applications make links of them without asking who sent them; whoever sends another's host gets a page of
    /// their own. The framework takes out what it has made a part of the request, so behind its <c>UseForwardedHeaders</c> they are absent.
    /// </summary>
    public static readonly string[] Forwarded = ["X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix"];

    /// <summary>
    /// Adds what makes the key within the scope of the request. False if it is to hold who asks and that is not known. What base policies vary by is part of it.
    /// </summary>
    /// <param name="fields">What it is added to.</param>
    /// <param name="rules">What base policies vary by.</param>
    /// <param name="context">The request.</param>
    /// <param name="route">What its route varies by.</param>
    /// <param name="own">The application's part, if the route has one.</param>
    public static bool TryAdd(ref KeyFields fields, CacheVaryByRules rules, HttpContext context, RouteTerms route, string? own = null)
    {
        var request = context.Request;
        fields.Add("route");
        fields.Add(request.Method);
        fields.Add(request.Scheme);
        fields.Add(rules.VaryByHost ? request.Host.Value : null);
        fields.Add(request.PathBase.Value);
        fields.Add(request.Path.Value);
        foreach (var name in Forwarded)
        {
            AddAll(ref fields, request.Headers[name]);
        }

        AddQuery(ref fields, request, route.Query);
        AddHeaders(ref fields, request, route.Headers);
        AddHeaders(ref fields, request, rules.HeaderNames!);
        AddOthers(ref fields, rules);
        if (own is not null)
        {
            // It may be made of what nobody is to read at the server.
            fields.Hide();
            fields.Add(own);
        }

        return UserKey.TryAdd(ref fields, context, route);
    }

    /// <summary>Leaves nothing to the framework to join but the text given.</summary>
    public static void Replace(CacheVaryByRules rules, string key)
    {
        rules.CacheKeyPrefix = key;
        rules.VaryByHost = false;
        rules.QueryKeys = StringValues.Empty;
        rules.HeaderNames = StringValues.Empty;
        rules.RouteValueNames = StringValues.Empty;
        rules.VaryByValues.Clear();
    }

    private static void AddQuery(ref KeyFields fields, HttpRequest request, string[] names)
    {
        fields.AddNumber(names.Length);
        foreach (var name in names)
        {
            // With its name: the list may be another one on the other nodes while a new version is rolled out.
            fields.Add(name);
            AddAll(ref fields, request.Query.TryGetValue(name, out var values) ? values : StringValues.Empty);
        }
    }

    private static void AddHeaders(ref KeyFields fields, HttpRequest request, StringValues names)
    {
        fields.AddNumber(names.Count);
        foreach (var name in names)
        {
            fields.Add(name);
            AddAll(ref fields, request.Headers[name ?? ""]);
        }
    }

    // Rules of base policies, which run before this one. Query parameters and route values need no rule: the
    // allow-list and the path say it.
    private static void AddOthers(ref KeyFields fields, CacheVaryByRules rules)
    {
        fields.Add(rules.CacheKeyPrefix);
        fields.AddNumber(rules.VaryByValues.Count);
        if (rules.VaryByValues.Count == 0)
        {
            return;
        }

        foreach (var (name, value) in rules.VaryByValues.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            fields.Add(name);
            fields.Add(value);
        }
    }

    private static void AddAll(ref KeyFields fields, StringValues values)
    {
        fields.AddNumber(values.Count);
        foreach (var value in values)
        {
            fields.Add(value);
        }
    }
}
