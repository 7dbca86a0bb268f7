using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace Larder;

/// <summary>Reads <c>redis://user:password@host:port,host:port/database?option=value</c>.</summary>
/// <param name="refuse">Makes the exception for what is wrong, which names the setting and shows the URL without its password.</param>
internal sealed class ServerUrl(Func<string, FormatException> refuse)
{
    private const int DefaultPort = 6379;
    private const int DefaultSentinelPort = 26379;

    public ConfigurationOptions Parse(string scheme, string rest)
    {
        var options = new ConfigurationOptions
        {
            Ssl = scheme.ToLowerInvariant() switch
            {
                "redis" or "valkey" => false,
                "rediss" or "valkeys" => true,
                _ => throw refuse($"begins with '{scheme}://'. Use redis://, rediss://, valkey:// or valkeys://."),
            },
        };

        var at = rest.LastIndexOf('@');
        if (at >= 0)
        {
            ReadCredentials(options, rest[..at]);
        }

        rest = rest[(at + 1)..];
        if (rest.Contains('#', StringComparison.Ordinal))
        {
            throw refuse("contains '#', which nothing may follow. In a password write it as %23.");
        }

        var query = rest.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? rest : rest[..query];
        var slash = path.IndexOf('/', StringComparison.Ordinal);
        var hosts = slash < 0 ? path : path[..slash];

        // The options first: a Sentinel has another port. But what is wrong with a port is said before anything behind it is quoted, because without '@' that may be a password.
        CheckPorts(hosts, isBehindPassword: at >= 0);
        if (slash >= 0 && path[(slash + 1)..].TrimEnd('/') is { Length: > 0 } database)
        {
            options.DefaultDatabase = Database(database);
        }

        if (query >= 0)
        {
            new ServerUrlOptions(options, refuse).Read(rest[(query + 1)..]);
        }

        foreach (var host in hosts.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            AddEndPoint(options, host);
        }

        return options;
    }

    private int Database(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw refuse($"names the database '{text}'. It must be a number, as in redis://localhost:6379/0.");

    private void ReadCredentials(ConfigurationOptions options, string text)
    {
        // A '@' in the value of an option would make everything before it a password, and the rest a host.
        var mark = text.IndexOf('?', StringComparison.Ordinal);
        if (mark >= 0 && text.IndexOf('=', mark) >= 0)
        {
            throw refuse("has a '@' behind '?' and '='. In a password write '?' as %3F, in the value of an option write '@' as %40.");
        }

        var parts = text.Split(':', 2);
        options.User = parts[0].Length == 0 ? null : Uri.UnescapeDataString(parts[0]);
        options.Password = parts.Length == 2 ? Uri.UnescapeDataString(parts[1]) : options.Password;
    }

    private void CheckPorts(string hosts, bool isBehindPassword)
    {
        foreach (var host in hosts.Split(',', StringSplitOptions.TrimEntries))
        {
            var colon = host.EndsWith(']') ? -1 : host.LastIndexOf(':');
            if (colon >= 0 && !isBehindPassword && !host.AsSpan(colon + 1).IsEmpty && host.AsSpan(colon + 1).ContainsAnyExceptInRange('0', '9'))
            {
                throw refuse("names a port that is no number from 1 to 65535. It is not shown, because it may be a password; behind a password comes '@' and the host.");
            }
        }
    }

    private void AddEndPoint(ConfigurationOptions options, string host)
    {
        var port = options.ServiceName is null ? DefaultPort : DefaultSentinelPort;
        var colon = host.LastIndexOf(':');
        if (colon >= 0 && !host.EndsWith(']'))
        {
            var named = host[(colon + 1)..];
            if (!int.TryParse(named, NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is 0 or > ushort.MaxValue)
            {
                throw refuse($"names the port '{named}'. It must be a number from 1 to 65535.");
            }

            host = host[..colon];
        }

        if (host.StartsWith('[') && host.EndsWith(']') && IPAddress.TryParse(host[1..^1], out var address) && address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            options.EndPoints.Add(new IPEndPoint(address, port));
            return;
        }

        if (host.Length == 0)
        {
            throw refuse("names no host. Write it as redis://host:port.");
        }

        if (host.Contains(':', StringComparison.Ordinal) || !ServerText.IsHost(host))
        {
            throw refuse("names a host that is neither a name nor an address. Write an IPv6 address in brackets, as in redis://[::1]:6379.");
        }

        options.EndPoints.Add(IPAddress.TryParse(host, out address) ? new IPEndPoint(address, port) : new DnsEndPoint(host, port));
    }
}
