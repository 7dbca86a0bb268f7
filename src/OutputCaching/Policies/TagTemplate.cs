using System.Globalization;
using Larder.Tags;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Larder.Http;

/// <summary>A tag with values of the request in it: <c>product:{id}</c>, <c>user:{claim:sub}</c>.</summary>
internal sealed class TagTemplate
{
    // Users have few values of one claim. Who has more gets no page with tags of it.
    private const int MaximumTags = 64;

    private const string ClaimMark = "claim:";

    private readonly string[] _texts;
    private readonly string[] _names;
    private readonly bool _hasClaims;

    private TagTemplate(string text, string[] texts, string[] names)
    {
        Text = text;
        _texts = texts;
        _names = names;
        _hasClaims = Array.Exists(names, name => ClaimOf(name) is not null);
    }

    public string Text { get; }

    /// <exception cref="ArgumentException">The tag is empty, or its braces do not match.</exception>
    public static TagTemplate Parse(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        var (texts, names) = (new List<string>(), new List<string>());
        var rest = text.AsSpan();
        while (rest.IndexOf('{') is var open and >= 0)
        {
            var close = rest.IndexOf('}');
            if (close < open + 2 || rest[(open + 1)..close].Contains('{'))
            {
                throw Malformed(text);
            }

            if (rest[(open + 1)..close].SequenceEqual(ClaimMark))
            {
                throw new ArgumentException($"The tag '{text}' does not say which claim. Write its type, as in 'user:{{claim:sub}}'.", nameof(text));
            }

            texts.Add(rest[..open].ToString());
            names.Add(rest[(open + 1)..close].ToString());
            rest = rest[(close + 1)..];
        }

        if (rest.Contains('}'))
        {
            throw Malformed(text);
        }

        texts.Add(rest.ToString());
        return new TagTemplate(text, [.. texts], [.. names]);
    }

    /// <summary>The tags of a request, or false if a value is missing or makes no tag.</summary>
    /// <exception cref="InvalidOperationException">A name is neither in the route nor in the list of query parameters.</exception>
    public static bool TryExpand(RouteTerms route, HttpContext context, out string[] tags)
    {
        tags = new string[route.Tags.Length];
        List<string>? more = null;
        for (var i = 0; i < tags.Length; i++)
        {
            var template = route.Tags[i];
            var first = template._hasClaims ? template.ExpandAll(route.Query, context, ref more) : template.Expand(route.Query, context);
            if (first is null)
            {
                return false;
            }

            tags[i] = first;
        }

        if (more is not null)
        {
            tags = [.. tags, .. more];
        }

        return true;
    }

    /// <summary>Says that a name is neither in the route nor in the list of query parameters.</summary>
    /// <exception cref="InvalidOperationException">It is so.</exception>
    public void ThrowIfUnknown(RoutePattern? pattern, string[] query)
    {
        foreach (var name in _names)
        {
            if (ClaimOf(name) is null && pattern?.GetParameter(name) is null && !query.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                throw Unknown(name, pattern);
            }
        }
    }

    /// <summary>Says that a page which many users get would carry the tag of one of them.</summary>
    /// <exception cref="InvalidOperationException">It is so.</exception>
    public void ThrowIfOfAnotherUser(RouteTerms route)
    {
        foreach (var name in _names)
        {
            if (ClaimOf(name) is { } claim && !route.VaryByUser && !route.VaryByClaims.Contains(claim, StringComparer.OrdinalIgnoreCase))
            {
                throw new InvalidOperationException(
                    $"The tag '{Text}' holds the claim '{claim}', but users who differ in it share the page. Add '{claim}' to VaryByClaims, or set VaryByUser.");
            }
        }
    }

    private static string? ClaimOf(string name) => name.StartsWith(ClaimMark, StringComparison.Ordinal) ? name[ClaimMark.Length..] : null;

    private string? Expand(string[] query, HttpContext context)
    {
        var tag = _texts[0];
        for (var i = 0; i < _names.Length; i++)
        {
            if (Value(_names[i], query, context) is not { Length: > 0 } value)
            {
                return null;
            }

            tag = string.Concat(tag, value, _texts[i + 1]);
        }

        return IsUsable(tag) ? tag : null;
    }

    // A claim may have several values: the page shows something of each, so each gives a tag. Returns the first of them.
    private string? ExpandAll(string[] query, HttpContext context, ref List<string>? more)
    {
        List<string> tags = [_texts[0]];
        for (var i = 0; i < _names.Length; i++)
        {
            string?[] values = ClaimOf(_names[i]) is { } claim
                ? [.. UserKey.Values(context.User, claim).Select(found => found.Value).Distinct(StringComparer.Ordinal)]
                : [Value(_names[i], query, context)];
            if (values is [] or [null or ""] || values.Length * tags.Count > MaximumTags)
            {
                return null;
            }

            tags = [.. from tag in tags from value in values select string.Concat(tag, value, _texts[i + 1])];
        }

        // The request's own texts were looked at for control characters; with these nobody writes a tag either.
        if (!tags.TrueForAll(static tag => IsUsable(tag) && !RequestRules.Has(tag)))
        {
            return null;
        }

        if (tags.Count > 1)
        {
            (more ??= []).AddRange(tags.Skip(1));
        }

        return tags[0];
    }

    // A value can make a tag that no cache takes: white space alone, the one that stands for everything, or a very long one.
    private static bool IsUsable(string tag) => !string.IsNullOrWhiteSpace(tag) && tag != TagNames.Everything && tag.Length <= TagNames.MaximumLength;

    private string? Value(string name, string[] query, HttpContext context)
    {
        var pattern = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern;
        if (pattern?.GetParameter(name) is { } parameter)
        {
            return RouteValueText.Canonical(parameter, Convert.ToString(context.Request.RouteValues[name], CultureInfo.InvariantCulture));
        }

        if (query.Contains(name, StringComparer.OrdinalIgnoreCase))
        {
            return context.Request.Query.TryGetValue(name, out var values) && values.Count == 1 ? values[0] : null;
        }

        throw Unknown(name, pattern);
    }

    private InvalidOperationException Unknown(string name, RoutePattern? pattern) =>
        new($"The tag '{Text}' needs '{name}', but the route '{pattern?.RawText}' has no parameter of that name and Query does not list it.");

    private static ArgumentException Malformed(string text) =>
        new($"The tag '{text}' has braces that do not match. Write a name between each pair, as in 'product:{{id}}'.", nameof(text));
}
