using System.Net;
using System.Text.RegularExpressions;
using StackExchange.Redis;

namespace Larder;

/// <summary>
/// Reads a server's address: <c>redis://user:password@host:port/database</c> (<c>rediss://</c>, <c>valkey://</c> and <c>valkeys://</c>
/// alike, several hosts separated by commas), or a StackExchange.Redis configuration string.
/// </summary>
internal static partial class ServerAddress
{
    private const int ReconnectInterval = 500;

    /// <param name="text">The address.</param>
    /// <param name="setting">Where it was given, for messages.</param>
    /// <exception cref="FormatException">The text is neither; the message shows it without its password.</exception>
    public static ConfigurationOptions Parse(string text, string setting = "The server's address")
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        text = text.Trim();
        var url = Url().Match(text);
        var (scheme, rest) = (url.Groups[1].Value, text[url.Length..]);
        var options = url.Success ? new ServerUrl(Refuse).Parse(scheme, rest) : ParseConfiguration(text, Refuse);
        return options.EndPoints.Count != 0 ? options : throw Refuse("names no server. Write for example 'redis://localhost:6379' or 'localhost:6379'.");

        FormatException Refuse(string fault) => new($"{setting}: '{(url.Success ? ServerText.OfUrl(scheme, rest) : ServerText.OfConfiguration(text))}' {fault}");
    }

    /// <summary>What every connection of Larder's own is set to whatever the address says, but for the client's name.</summary>
    public static void ApplyDefaults(ConfigurationOptions options)
    {
        // A server that is away at start must not stop the application; a command must not wait for one to come back.
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;

        // Tried again after this time, and with each beat of the client's heart (a second) a connection in the making is given up after it. A handshake may well take longer on a machine that is
        // busy, and all would begin it again for ever. Half of what the first connection is given is the client's own measure.
        options.ReconnectRetryPolicy = new LinearRetry(options.Ssl ? Math.Max(ReconnectInterval, options.ConnectTimeout / 2) : ReconnectInterval);
        options.ClientName ??= "larder";

        // Why a call failed is also told to those that are refused because of it, and these may be another tenant's: it must not quote the first one's key.
        options.IncludeDetailInExceptions = false;
    }

    // The client's own exception is not passed on, because it quotes values, and a password that holds a comma ends in one.
    private static ConfigurationOptions ParseConfiguration(string text, Func<string, FormatException> refuse)
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(text);
        }
        catch (Exception)
        {
            throw refuse("is no StackExchange.Redis configuration: one of its keywords is not known, or has a value that it cannot have.");
        }

        // What the client takes for a host may be a URL whose scheme is missing, with the password in it.
        return options.EndPoints.All(endPoint => endPoint is not DnsEndPoint dns || (ServerText.IsHost(dns.Host) && !dns.Host.Contains(':', StringComparison.Ordinal)))
            ? options
            : throw refuse("names a host that is neither a name nor an address. If it is a URL, begin it with redis://.");
    }

    [GeneratedRegex("^([A-Za-z][A-Za-z0-9+.-]*)://", RegexOptions.CultureInvariant)]
    private static partial Regex Url();
}
