using System.Globalization;
using System.Net.Security;
using StackExchange.Redis;

namespace Larder;

/// <summary>The options behind the '?' of a server's URL: those that the clients of other languages know, as far as they mean something here.</summary>
internal sealed class ServerUrlOptions(ConfigurationOptions options, Func<string, FormatException> refuse)
{
    private const string Known = "timeout, socket_timeout, retry_on_timeout, max_connections, health_check_interval, ssl_cert_reqs, ssl_check_hostname, db, username, password, protocol, client_name, service_name";
    private const double LongestSeconds = 3_600;

    public void Read(string query)
    {
        foreach (var part in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = Uri.UnescapeDataString(equals < 0 ? part : part[..equals]);
            var value = equals < 0 ? "" : Uri.UnescapeDataString(part[(equals + 1)..]);
            Set(name, value);
        }
    }

    private void Set(string name, string value)
    {
        switch (name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant())
        {
            case "timeout" or "connecttimeout" or "socketconnecttimeout":
                options.ConnectTimeout = Milliseconds(name, value);
                break;
            case "sockettimeout":
                options.SyncTimeout = options.AsyncTimeout = Milliseconds(name, value);
                break;
            case "retryontimeout":
                options.ConnectRetry = Flag(name, value) ? options.ConnectRetry : 1;
                break;
            case "maxconnections":
                // One connection carries every command, so there is nothing to limit; a wrong value is a mistake all the same.
                _ = Number(name, value, 1, int.MaxValue);
                break;
            case "healthcheckinterval":
                options.KeepAlive = Number(name, value, 0, (int)LongestSeconds);
                break;
            case "sslcertreqs":
                TrustAny(name, value);
                break;
            case "sslcheckhostname":
                TrustAnyName(name, value);
                break;
            case "db" or "database":
                var database = Number(name, value, 0, int.MaxValue);
                options.DefaultDatabase = options.DefaultDatabase is null || options.DefaultDatabase == database
                    ? database
                    : throw refuse($"names two databases, {options.DefaultDatabase} and {database}.");
                break;
            case "user" or "username":
                options.User = value;
                break;
            case "password":
                options.Password = value;
                break;
            case "protocol":
                options.Protocol = Number(name, value, 2, 3) == 2 ? RedisProtocol.Resp2 : RedisProtocol.Resp3;
                break;
            case "client" or "clientname":
                // The server accepts neither spaces nor controls in it.
                options.ClientName = value.Length is > 0 and <= 128 && value.All(static c => c is > ' ' and < '\x7F') ? value : throw Wrong(name, value, "text of up to 128 printable ASCII characters without spaces");
                break;
            case "servicename" or "sentinelservicename":
                options.ServiceName = string.IsNullOrWhiteSpace(value) ? throw Wrong(name, value, "the name that the Sentinels know the master by") : value;
                break;
            default:
                // Neither quoted nor shown: whatever it is, its value is nobody's to see, and its name may be a piece of a password.
                throw refuse($"has an option that is not known. Known are {Known}; times are in seconds.");
        }
    }

    private void TrustAny(string name, string value)
    {
        switch (value.ToLowerInvariant())
        {
            case "none":
                options.CertificateValidation += static (_, certificate, _, _) => certificate is not null;
                break;
            case not "required":
                throw Wrong(name, value, "'required' or 'none'");
        }
    }

    private void TrustAnyName(string name, string value)
    {
        if (!Flag(name, value))
        {
            options.CertificateValidation += static (_, _, _, faults) => (faults & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None;
        }
    }

    private int Milliseconds(string name, string value) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0.001 and <= LongestSeconds
            ? (int)(seconds * 1_000)
            : throw Wrong(name, value, $"a number of seconds above 0, at most {LongestSeconds}");

    private int Number(string name, string value, int least, int most) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number : throw Wrong(name, value, $"a whole number from {least} to {most}");

    private bool Flag(string name, string value) => value.ToLowerInvariant() switch
    {
        "1" or "true" or "yes" or "on" => true,
        "0" or "false" or "no" or "off" => false,
        _ => throw Wrong(name, value, "true or false"),
    };

    private FormatException Wrong(string name, string value, string expected) => refuse($"has the option {name} with the value '{value}'. It must be {expected}.");
}
