using System.Globalization;
using System.Text;
using Larder.Tags;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Larder.Http;

/// <summary>A tag with values of the request in it: <c>product:{id}</c>.</summary>
internal sealed class TagTemplate
{
    private readonly string[] _texts;
    private readonly string[] _names;

    private TagTemplate(string text, string[] texts, string[] names)
    {
        Text = text;
        _texts = texts;
        _names = names;
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
    public static bool TryExpand(CacheRouteAttribute route, HttpContext context, out string[] tags)
    {
        tags = new string[route.Templates.Count];
        for (var i = 0; i < tags.Length; i++)
        {
            if (route.Templates[i].Expand(route.Query, context) is not { } tag)
            {
                return false;
            }

            tags[i] = tag;
        }

        return true;
    }

    private string? Expand(string[] query, HttpContext context)
    {
        if (_names.Length == 0)
        {
            return Text;
        }

        var tag = new StringBuilder(_texts[0]);
        for (var i = 0; i < _names.Length; i++)
        {
            if (Value(_names[i], query, context) is not { Length: > 0 } value)
            {
                return null;
            }

            tag.Append(value).Append(_texts[i + 1]);
        }

        return Usable(tag.ToString());
    }

    // A value can make a tag that no cache takes: white space alone, the one that stands for everything, or a very long one.
    private static string? Usable(string tag) =>
        string.IsNullOrWhiteSpace(tag) || tag == TagNames.Everything || tag.Length > TagNames.MaximumLength ? null : tag;

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

        throw new InvalidOperationException($"The tag '{Text}' needs '{name}', but the route '{pattern?.RawText}' has no parameter of that name and Query does not list it.");
    }

    private static ArgumentException Malformed(string text) =>
        new($"The tag '{text}' has braces that do not match. Write a name between each pair, as in 'product:{{id}}'.", nameof(text));
}
