using System.Security.Claims;
using FsCheck;
using FsCheck.Fluent;
using Larder.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace Larder.Tests;

/// <summary>Different requests have different keys, whatever their parts contain.</summary>
public sealed class PageKeyTests
{
    // Few letters, so that texts which join to the same one are common; and those that separate things elsewhere.
    private static readonly Gen<string> Text = Gen.Elements('a', 'b', ':', '=', '/', '.', '\u001E', '\u001F', '%', '\uD800').ListOf().Select(list => new string([.. list.Take(4)]));
    private static readonly Gen<string?> Optional = Gen.OneOf(Gen.Constant<string?>(null), Text.Select(text => (string?)text));
    private static readonly Gen<string[]> Values = Text.ListOf().Select(list => list.Take(3).ToArray());

    private static readonly RouteTerms Route = Terms(new() { Query = ["a", "b"], Headers = ["X-Lang"], VaryByUser = true, VaryByClaims = ["role"] });

    private static RouteTerms Terms(CacheRouteAttribute route) => new(route, new LarderOutputCacheOptions(), new ServiceCollection().BuildServiceProvider());

    private static string? Make(HttpContext context, RouteTerms route, string? own = null)
    {
        var fields = new KeyFields(default);
        return PageKey.TryAdd(ref fields, new CacheVaryByRules(), context, route, own) ? fields.Finish() : null;
    }

    private sealed record Request(string? Tenant, string? Project, string PathBase, string Path, string[] First, string[] Second, string[] Header, string[] Claims, string? Own)
    {
        public string Key()
        {
            var context = new DefaultHttpContext();
            var request = context.Request;
            request.Method = "GET";
            request.Scheme = "https";
            request.Host = new HostString("shop.example");
            request.PathBase = new PathString("/" + PathBase);
            request.Path = new PathString("/" + Path);
            var query = new Dictionary<string, StringValues>();
            if (First.Length > 0)
            {
                query["a"] = First;
            }

            if (Second.Length > 0)
            {
                query["b"] = Second;
            }

            request.Query = new QueryCollection(query);
            request.Headers["X-Lang"] = Header;
            context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim("sub", "alice"), .. Claims.Select(value => new Claim("role", value))], "test"));

            // As the store joins them.
            return Make(context, Route, Own) is { } key ? PageScope.Text(new CacheScope(Tenant, Project)) + ":" + key : "none";
        }

        public string Identity() => System.Text.Json.JsonSerializer.Serialize(new[] { Chars(Tenant), Chars(Project), Chars(PathBase), Chars(Path), List(First), List(Second), List(Header), Roles(), Chars(Own) });

        // Claims have no order; without one there is no key.
        private string Roles() => List([.. Claims.Where(value => value.Length > 0).Distinct().Order(StringComparer.Ordinal)]);

        private static string List(string[] values) => string.Join('|', values.Select(Chars));

        private static string Chars(string? text) => text is null ? "null" : "[" + string.Join(' ', text.Select(c => (int)c)) + "]";
    }

    [Fact]
    public void Two_different_requests_never_have_the_same_key()
    {
        var requests =
            from tenant in Optional
            from project in Optional
            from pathBase in Text
            from path in Text
            from first in Values
            from second in Values
            from header in Values
            from claims in Values
            from own in Optional
            select new Request(tenant, project, pathBase, path, first, second, header, claims, own);
        var seen = new Dictionary<string, string>();
        foreach (var request in Property.Cases(requests, 20_000))
        {
            var (key, identity) = (request.Key(), request.Identity());
            if (key != "none" && !seen.TryAdd(key, identity))
            {
                Assert.Equal(seen[key], identity);
            }
        }

        Assert.True(seen.Count > 1_000, $"only {seen.Count} different requests were tried");
    }

    [Fact]
    public void Fields_that_are_not_hashed_are_told_apart_as_well()
    {
        var seen = new Dictionary<string, string>();
        foreach (var list in Property.Cases(Optional.ListOf().Select(list => list.Take(4).ToArray()), 20_000))
        {
            var fields = new KeyFields(default);
            fields.AddAll(list);
            var (text, identity) = (fields.Finish(), System.Text.Json.JsonSerializer.Serialize(list.Select(field => field is null ? "null" : "[" + string.Join(' ', field.Select(c => (int)c)) + "]")));
            if (!seen.TryAdd(text, identity))
            {
                Assert.Equal(seen[text], identity);
            }
        }

        Assert.True(seen.Count > 1_000, $"only {seen.Count} different lists were tried");
    }

    [Fact]
    public void Long_texts_and_what_tells_who_asks_are_hashed()
    {
        var context = new DefaultHttpContext { Request = { Method = "GET", Path = "/" + new string('a', 300) } };
        context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim("sub", "alice")], "test"));
        Assert.Matches("^#[0-9a-f]{64}$", Make(context, Terms(new())));
        context.Request.Path = "/short";
        Assert.Contains("/short", Make(context, Terms(new())), StringComparison.Ordinal);
        Assert.Matches("^#[0-9a-f]{64}$", Make(context, Terms(new() { VaryByUser = true })));
    }

    [Fact]
    public void Lists_of_other_parameters_make_other_keys()
    {
        string? KeyOf(string query, params string[] names) => Make(new DefaultHttpContext { Request = { Method = "GET", Path = "/p", QueryString = new QueryString(query) } }, Terms(new() { Query = names }));

        // Nodes of an old and a new version share pages while the new one is rolled out.
        Assert.NotEqual(KeyOf("?page=2", "page"), KeyOf("?size=2", "size"));
        Assert.NotEqual(KeyOf("?page=1&size=2", "page", "size"), KeyOf("?page=2&size=1", "size", "page"));
        Assert.Equal(KeyOf("?page=2&other=1", "page"), KeyOf("?PAGE=2", "page"));
    }

    [Fact]
    public void Nothing_is_left_to_the_framework_to_join()
    {
        var rules = new CacheVaryByRules { HeaderNames = "X-Lang", QueryKeys = "*", RouteValueNames = "id" };
        rules.VaryByValues["k"] = "\u001F";
        PageKey.Replace(rules, "ticket");

        Assert.Empty(rules.HeaderNames.ToArray());
        Assert.Empty(rules.QueryKeys.ToArray());
        Assert.Empty(rules.RouteValueNames.ToArray());
        Assert.Empty(rules.VaryByValues);
        Assert.Equal("ticket", rules.CacheKeyPrefix);
    }
}
