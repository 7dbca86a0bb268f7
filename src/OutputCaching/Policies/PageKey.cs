using Larder.Scopes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>
/// The key of a page. The framework joins the values it varies by without their lengths, so some different requests get
/// the same key there; here every part is hashed with its length, and the framework gets the result as a prefix.
/// </summary>
internal sealed class PageKey(IOptions<LarderOptions> options)
{
    private readonly string _application = ScopedKey.ApplicationPrefix(options.Value.Prefix, options.Value.Version);

    /// <summary>Puts the key into the rules. What base policies vary by stays part of it.</summary>
    public void Apply(CacheVaryByRules rules, HttpRequest request, CacheScope scope, string[] query, long generation)
    {
        using var digest = new KeyDigest();
        digest.Add(_application).Add(PageTag.ScopeText(scope)).AddNumber(generation);
        digest.Add(request.Method).Add(request.Scheme).Add(rules.VaryByHost ? request.Host.Value : null);
        digest.Add(request.PathBase.Value).Add(request.Path.Value);
        AddQuery(digest, request.Query, query);
        AddOthers(digest, rules, request);
        rules.CacheKeyPrefix = "larder:" + digest.Finish();
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
            Add(digest, query.TryGetValue(name, out var values) ? values : StringValues.Empty);
        }
    }

    // Rules of base policies, which run before this one. Query parameters and route values need no rule: the
    // allow-list and the path say it.
    private static void AddOthers(KeyDigest digest, CacheVaryByRules rules, HttpRequest request)
    {
        digest.Add(rules.CacheKeyPrefix).AddNumber(rules.HeaderNames.Count);
        foreach (var name in rules.HeaderNames)
        {
            Add(digest.Add(name), request.Headers[name ?? ""]);
        }

        digest.AddNumber(rules.VaryByValues.Count);
        foreach (var (name, value) in rules.VaryByValues.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            digest.Add(name).Add(value);
        }
    }

    private static void Add(KeyDigest digest, StringValues values)
    {
        digest.AddNumber(values.Count);
        foreach (var value in values)
        {
            digest.Add(value);
        }
    }
}
