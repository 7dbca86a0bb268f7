using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>One label of the host name, as in <c>{tenant}.shop.example</c>. Host names have no case, so the name comes in lower case.</summary>
internal sealed class HostRule : IScopeRule
{
    private const string Placeholder = "{tenant}";
    private const string ProjectPlaceholder = "{project}";

    private readonly string _before;
    private readonly string _after;

    public HostRule(string pattern)
    {
        var placeholder = pattern.Contains(ProjectPlaceholder, StringComparison.Ordinal) ? ProjectPlaceholder : Placeholder;
        var at = pattern.IndexOf(placeholder, StringComparison.Ordinal);
        if (at < 0 || pattern.IndexOfAny(['{', '}'], at + placeholder.Length) >= 0 || pattern.AsSpan(0, at).IndexOfAny('{', '}') >= 0)
        {
            throw new ArgumentException($"The host pattern is '{pattern}'. It must contain {Placeholder} or {ProjectPlaceholder} once, as in '{{tenant}}.shop.example'.", nameof(pattern));
        }

        _before = pattern[..at];
        _after = pattern[(at + placeholder.Length)..];
        Source = $"host {pattern}";
    }

    public string Source { get; }

    public ScopeAnswer Find(HttpContext context)
    {
        var host = context.Request.Host.Host;
        if (host.Length <= _before.Length + _after.Length ||
            !host.StartsWith(_before, StringComparison.OrdinalIgnoreCase) ||
            !host.EndsWith(_after, StringComparison.OrdinalIgnoreCase))
        {
            return ScopeAnswer.Nothing;
        }

        var label = host[_before.Length..^_after.Length];
        return label.Contains('.', StringComparison.Ordinal) ? ScopeAnswer.Nothing : ScopeAnswer.Of(label.ToLowerInvariant());
    }
}
