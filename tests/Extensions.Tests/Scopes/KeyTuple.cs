using System.Text;
using Larder.Scopes;

namespace Larder.Tests.Scopes;

/// <summary>Everything that makes up a physical key, before it is joined.</summary>
internal sealed record KeyTuple(string Prefix, string Version, string? Tenant, string? Project, string? Namespace, string Key)
{
    public CacheScope Scope => new(Tenant, Project, Namespace);

    public string ApplicationPrefix => ScopedKey.ApplicationPrefix(Prefix, Version);

    /// <summary>As <c>ScopeState</c> joins it; a test of its own holds the two together.</summary>
    public string PhysicalKey => $"{ApplicationPrefix}{ScopedKey.ScopeId(Scope)}:{ScopedKey.Key(Key)}";

    /// <summary>The parts in order, prefix first, key last.</summary>
    public string?[] Parts => [Prefix, Version, Tenant, Project, Namespace, Key];

    public static KeyTuple Of(string?[] parts) => new(parts[0] ?? "", parts[1] ?? "", parts[2], parts[3], parts[4], parts[5] ?? "");

    public override string ToString() => "(" + string.Join(", ", Parts.Select(Show)) + ")";

    public static string Show(string? text)
    {
        if (text is null)
        {
            return "null";
        }

        var shown = new StringBuilder("\"");
        foreach (var c in text.Length > 60 ? text[..20] + "…" + text[^20..] : text)
        {
            shown.Append(c is < ' ' or '"' or '\\' or > '~' ? $"\\u{(int)c:X4}" : c.ToString());
        }

        return shown.Append('"').Append(text.Length > 60 ? $"[{text.Length}]" : "").ToString();
    }
}
