using System.Text;

namespace Larder;

/// <summary>An address as it may be shown: without anything that is, or may be, a password.</summary>
internal static class ServerText
{
    private const string Hidden = "***";

    // The values of these are flags and numbers. What any other keyword holds is not shown: it may be a password behind a misspelt name.
    private static readonly HashSet<string> Harmless = new(StringComparer.OrdinalIgnoreCase)
    {
        "abortConnect", "allowAdmin", "asyncTimeout", "configCheckSeconds", "connectRetry", "connectTimeout", "defaultDatabase", "keepAlive", "protocol", "resolveDns", "ssl", "syncTimeout",
    };

    /// <summary>A URL's scheme, hosts and numeric ports and database.</summary>
    /// <param name="scheme">The scheme.</param>
    /// <param name="rest">What comes behind <c>://</c>.</param>
    public static string OfUrl(string scheme, string rest)
    {
        var shown = new StringBuilder(scheme).Append("://");
        var at = rest.LastIndexOf('@');
        if (at >= 0)
        {
            shown.Append(Hidden).Append('@');
            rest = rest[(at + 1)..];
        }

        var end = rest.AsSpan().IndexOfAny("/?#");
        var hosts = (end < 0 ? rest : rest[..end]).Split(',');
        for (var i = 0; i < hosts.Length; i++)
        {
            shown.Append(i == 0 ? "" : ",").Append(Host(hosts[i], isBehindPassword: at >= 0));
        }

        if (end >= 0 && rest[end] == '/' && IsNumber(rest.AsSpan(end + 1)))
        {
            shown.Append(rest.AsSpan(end));
        }

        return shown.ToString();
    }

    /// <summary>The hosts, keywords and harmless values of a StackExchange.Redis configuration, up to its password, which may hold commas.</summary>
    /// <param name="text">The configuration.</param>
    public static string OfConfiguration(string text)
    {
        var shown = new StringBuilder();
        foreach (var part in text.Split(','))
        {
            var name = part.IndexOf('=', StringComparison.Ordinal) is >= 0 and var equals ? part[..equals].Trim() : null;
            shown.Append(shown.Length == 0 ? "" : ",");
            if (name is null)
            {
                shown.Append(Host(part, isBehindPassword: false));
            }
            else if (Harmless.Contains(name))
            {
                shown.Append(part.Length > 64 ? part[..64] : part);
            }
            else
            {
                shown.Append(name.Length > 64 || name.Contains('@', StringComparison.Ordinal) ? Hidden : name).Append('=').Append(Hidden);
            }

            if (name?.Contains("pass", StringComparison.OrdinalIgnoreCase) == true)
            {
                break;
            }
        }

        return shown.ToString();
    }

    /// <summary>Whether it may be the name or address of a host.</summary>
    /// <param name="host">Without port; an IPv6 address without brackets.</param>
    public static bool IsHost(string host) => host.Length is > 0 and <= 255 && host.All(static c => char.IsLetterOrDigit(c) || c is '.' or '-' or '_' or ':' or '%');

    // Without a '@' behind a password what follows a colon may be one, and then what looks like a host is a user.
    private static string Host(string host, bool isBehindPassword)
    {
        if (host.Length > 512 || host.Contains('@', StringComparison.Ordinal))
        {
            return Hidden;
        }

        var colon = host.EndsWith(']') ? -1 : host.LastIndexOf(':');
        return isBehindPassword || colon < 0 || IsNumber(host.AsSpan(colon + 1)) ? host : host[..host.IndexOf(':', StringComparison.Ordinal)] + ":" + Hidden;
    }

    private static bool IsNumber(ReadOnlySpan<char> text) => text.Length <= 5 && !text.ContainsAnyExceptInRange('0', '9');
}
