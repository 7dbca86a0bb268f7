using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Larder;

/// <summary>
/// Reads a server's address: <c>redis://user:password@host:port/database</c> (<c>rediss://</c>, <c>valkey://</c> and <c>valkeys://</c>
/// alike, several hosts separated by commas), or a StackExchange.Redis configuration string.
/// </summary>
internal static class ServerAddress
{
    private const int DefaultPort = 6379;

    /// <exception cref="FormatException">The text is neither; the message quotes it without its password.</exception>
    public static ConfigurationOptions Parse(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        var separator = text.IndexOf("://", StringComparison.Ordinal);
        ConfigurationOptions options;
        if (separator < 0)
        {
            try
            {
                options = ConfigurationOptions.Parse(text);
            }
            catch (ArgumentException exception)
            {
                throw new FormatException($"'{Redact(text)}' is not a StackExchange.Redis configuration: {exception.Message}", exception);
            }
        }
        else
        {
            options = ParseUrl(text, text[..separator], text[(separator + 3)..]);
        }

        if (options.EndPoints.Count == 0)
        {
            throw new FormatException($"'{Redact(text)}' names no server. Write for example 'redis://localhost:6379' or 'localhost:6379'.");
        }

        return options;
    }

    /// <summary>What every connection of Larder's own is set to, unless the address says otherwise.</summary>
    public static void ApplyDefaults(ConfigurationOptions options)
    {
        // A server that is away at start must not stop the application; a command must not wait for one to come back.
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ReconnectRetryPolicy = new LinearRetry(500);
        options.ClientName ??= "larder";
    }

    private static ConfigurationOptions ParseUrl(string text, string scheme, string rest)
    {
        var secure = scheme.ToLowerInvariant() switch
        {
            "redis" or "valkey" => false,
            "rediss" or "valkeys" => true,
            _ => throw new FormatException($"'{Redact(text)}' begins with '{scheme}://'. Use redis://, rediss://, valkey:// or valkeys://."),
        };
        var options = new ConfigurationOptions { Ssl = secure };
        var query = rest.IndexOf('?', rest.LastIndexOf('@') + 1);   // a password may hold one
        rest = query < 0 ? rest : rest[..query];
        var at = rest.LastIndexOf('@');
        if (at >= 0)
        {
            var credentials = rest[..at].Split(':', 2);
            rest = rest[(at + 1)..];
            if (credentials.Length == 2)
            {
                options.User = credentials[0].Length == 0 ? null : Uri.UnescapeDataString(credentials[0]);
                options.Password = Uri.UnescapeDataString(credentials[1]);
            }
            else
            {
                options.User = Uri.UnescapeDataString(credentials[0]);
            }
        }

        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        if (slash >= 0)
        {
            var database = rest[(slash + 1)..].TrimEnd('/');
            rest = rest[..slash];
            if (database.Length != 0)
            {
                if (!int.TryParse(database, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                {
                    throw new FormatException($"'{Redact(text)}' names the database '{database}'. It must be a number, as in redis://localhost:6379/0.");
                }

                options.DefaultDatabase = number;
            }
        }

        foreach (var host in rest.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            AddEndPoint(options, text, host);
        }

        return options;
    }

    private static void AddEndPoint(ConfigurationOptions options, string text, string host)
    {
        var port = DefaultPort;
        var colon = host.LastIndexOf(':');
        if (colon >= 0 && !host.EndsWith(']'))
        {
            if (!int.TryParse(host[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is 0 or > ushort.MaxValue)
            {
                var named = host[(colon + 1)..];
                if (!text.Contains('@', StringComparison.Ordinal) && !named.All(char.IsAsciiDigit))
                {
                    // Perhaps user:password, and the '@' is missing.
                    throw new FormatException(
                        $"The address '{host[..colon]}:***' names a port that is no number from 1 to 65535. It is not shown, because it may be a password; behind a password comes '@' and the host.");
                }

                throw new FormatException($"'{Redact(text)}' names the port '{named}'. It must be a number from 1 to 65535.");
            }

            host = host[..colon];
        }

        host = host.Trim('[', ']');
        if (host.Length == 0)
        {
            throw new FormatException($"'{Redact(text)}' names no host. Write it as redis://host:port.");
        }

        options.EndPoints.Add(IPAddress.TryParse(host, out var address) ? new IPEndPoint(address, port) : new DnsEndPoint(host, port));
    }

    private static string Redact(string text)
    {
        var at = text.LastIndexOf('@');
        var start = text.IndexOf("://", StringComparison.Ordinal);
        if (start >= 0 && at > start)
        {
            return text[..(start + 3)] + "***" + text[at..];
        }

        var password = text.IndexOf("password=", StringComparison.OrdinalIgnoreCase);
        if (password < 0)
        {
            return text;
        }

        var end = text.IndexOf(',', password);
        return text[..(password + 9)] + "***" + (end < 0 ? "" : text[end..]);
    }
}
