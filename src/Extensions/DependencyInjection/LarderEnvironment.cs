using System.Globalization;
using System.Net;
using Microsoft.Extensions.Configuration;
using StackExchange.Redis;

namespace Larder;

/// <summary>
/// The environment variables Larder knows. They are read through the application's configuration where there is one (its
/// host adds them), otherwise from the process.
/// </summary>
internal sealed class LarderEnvironment(IConfiguration? configuration)
{
    private const string NamespaceSuffix = "_CACHE_TTL_SECONDS";
    private const double LongestSeconds = 100d * 365 * 86_400;
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromHours(1);

    public void Apply(LarderOptions options)
    {
        var valkey = IsValkey();
        if (Find(valkey, "PREFIX") is { } serverPrefix)
        {
            options.Prefix = serverPrefix.TrimEnd(':');
        }

        options.Prefix = Get("CACHE_PREFIX") ?? options.Prefix;
        options.Version = Get("CACHE_VERSION") ?? options.Version;
        options.DefaultExpiration = FindSeconds(valkey, "CACHE_TTL") ?? options.DefaultExpiration;
        options.DefaultExpiration = Seconds("KV_CACHE_TTL_SECONDS") ?? options.DefaultExpiration;
        options.DefaultExpiration = Seconds("CACHE_TTL_DEFAULT") ?? options.DefaultExpiration;
        options.ShortExpiration = Seconds("CACHE_TTL_SHORT") ?? options.ShortExpiration;
        options.LongExpiration = Seconds("CACHE_TTL_LONG") ?? options.LongExpiration;
        options.Statistics = Flag("CACHE_METRICS") ?? options.Statistics;
        options.LogsCalls = Flag("CACHE_DEBUG") ?? options.LogsCalls;
    }

    /// <summary>
    /// Expirations of namespaces that neither code nor the configuration has given one. Runs when these have declared theirs, so
    /// that <c>FAVICON_CACHE_TTL_SECONDS</c> finds the namespace "Favicon" in its own casing; an undeclared one is "favicon".
    /// </summary>
    public void ApplyToNamespaces(LarderOptions options)
    {
        foreach (var (name, value) in Variables().Where(variable => variable.Key.EndsWith(NamespaceSuffix, StringComparison.Ordinal)))
        {
            var upper = name[..^NamespaceSuffix.Length];
            if (upper.Length == 0 || upper == "KV" || string.IsNullOrWhiteSpace(value))
            {
                continue;
            }

            var known = options.Namespaces.Keys.FirstOrDefault(key => string.Equals(key, upper, StringComparison.OrdinalIgnoreCase)) ?? upper.ToLowerInvariant();
            if (!options.Namespaces.TryGetValue(known, out var forNamespace))
            {
                options.Namespaces[known] = forNamespace = new NamespaceOptions();
            }

            forNamespace.DefaultExpiration ??= ParseSeconds(name, value);
        }
    }

    /// <summary>Whether the environment wants no server, whatever it names.</summary>
    public bool IsMemory => Backend is "memory" or "none";

    private string? Backend => Get("CACHE_BACKEND")?.Trim().ToLowerInvariant();

    /// <summary>The server that the environment names, or null for none.</summary>
    /// <remarks>
    /// What is chosen follows from what is set, never from which server answers: two nodes that chose differently because one server was away for a moment would not hear each other's
    /// invalidations.
    /// </remarks>
    /// <exception cref="FormatException">A variable has a wrong value; the message names it and shows no password.</exception>
    public ServerChoice? Server()
    {
        if (IsMemory)
        {
            return null;
        }

        var backend = Backend ?? "auto";
        if (backend is not ("auto" or "redis" or "valkey"))
        {
            throw new FormatException($"CACHE_BACKEND is '{backend}'. Use redis, valkey, auto or memory.");
        }

        var valkey = IsValkey();
        var named = Named(valkey, backend);
        if (named is not null)
        {
            ReadConnectionSettings(named.Configuration, valkey);
        }

        return named;
    }

    private ServerChoice? Named(bool valkey, string backend)
    {
        var name = valkey && Get("VALKEY_URL") is not null ? "VALKEY_URL" : "REDIS_URL";
        if (Get(name) is { } url)
        {
            return ServerChoice.Parse(url, name, valkey);
        }

        var hostName = FindName(valkey, "HOST");
        if (hostName is null && backend == "auto")
        {
            return null;
        }

        var host = hostName is null ? "localhost" : Get(hostName)!.Trim();
        var bare = host.StartsWith('[') && host.EndsWith(']') ? host[1..^1] : host;
        if (!ServerText.IsHost(bare) || (bare.Contains(':', StringComparison.Ordinal) && !IPAddress.TryParse(bare, out _)))
        {
            // Not quoted: what is no host may be a whole URL with its password.
            throw new FormatException($"{hostName} is neither the name nor the address of a host. A port goes into {hostName![..^4]}PORT, a URL into {hostName[..^4]}URL.");
        }

        var options = new ConfigurationOptions
        {
            DefaultDatabase = FindNumber(valkey, "DB", 0, int.MaxValue),
            Password = Find(valkey, "PASSWORD"),
            User = Find(valkey, "USERNAME"),
            Ssl = FindFlag(valkey, "TLS") ?? false,
        };
        options.EndPoints.Add(bare, FindNumber(valkey, "PORT", 1, ushort.MaxValue) ?? 6379);
        return new ServerChoice(options, valkey ? "valkey" : "redis", hostName ?? "CACHE_BACKEND");
    }

    private void ReadConnectionSettings(ConfigurationOptions options, bool valkey)
    {
        if (FindName(valkey, "TIMEOUT") is { } timeoutName && Seconds(timeoutName) is { } timeout)
        {
            options.ConnectTimeout = timeout >= TimeSpan.FromMilliseconds(1) && timeout <= LongestTimeout
                ? (int)timeout.TotalMilliseconds
                : throw new FormatException($"{timeoutName} is '{Get(timeoutName)}'. It must be a number of seconds above 0, at most {LongestTimeout.TotalSeconds}.");
        }

        // One connection carries every command, so there is nothing to limit; a wrong value is a mistake all the same.
        _ = FindNumber(valkey, "MAX_CONNECTIONS", 1, int.MaxValue);
        if (FindFlag(valkey, "RETRY_ON_TIMEOUT") == false)
        {
            options.ConnectRetry = 1;
        }
    }

    private bool IsValkey() => Backend switch
    {
        "valkey" => true,
        "redis" => false,
        _ => Get("VALKEY_HOST") is not null || Get("VALKEY_URL") is not null,
    };

    // The VALKEY_ variables fall back to the REDIS_ ones. A fault is reported by the variable that holds it.
    private string? FindName(bool valkey, string name) =>
        valkey && Get("VALKEY_" + name) is not null ? "VALKEY_" + name
        : Get("REDIS_" + name) is not null ? "REDIS_" + name
        : null;

    private string? Find(bool valkey, string name) => FindName(valkey, name) is { } found ? Get(found) : null;

    private TimeSpan? FindSeconds(bool valkey, string name) => FindName(valkey, name) is { } found ? Seconds(found) : null;

    private int? FindNumber(bool valkey, string name, int least, int most)
    {
        if (FindName(valkey, name) is not { } found)
        {
            return null;
        }

        return int.TryParse(Get(found), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new FormatException($"{found} is '{Get(found)}'. It must be a whole number from {least} to {most}.");
    }

    private bool? FindFlag(bool valkey, string name) => FindName(valkey, name) is { } found ? Flag(found) : null;

    private bool? Flag(string name) => Get(name)?.Trim().ToLowerInvariant() switch
    {
        null => null,
        "1" or "true" or "yes" or "on" => true,
        "0" or "false" or "no" or "off" => false,
        var other => throw new FormatException($"{name} is '{other}'. Use true or false."),
    };

    private TimeSpan? Seconds(string name) => Get(name) is { } text ? ParseSeconds(name, text) : null;

    private static TimeSpan ParseSeconds(string name, string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0 and <= LongestSeconds
            ? TimeSpan.FromSeconds(seconds)
            : throw new FormatException($"{name} is '{text}'. It must be a number of seconds, zero or more.");

    private string? Get(string name)
    {
        var value = configuration is null ? Environment.GetEnvironmentVariable(name) : configuration[name];
        return string.IsNullOrWhiteSpace(value) ? null : value;
    }

    private IEnumerable<KeyValuePair<string, string>> Variables()
    {
        if (configuration is not null)
        {
            return configuration.GetChildren().Where(child => child.Value is not null).Select(child => KeyValuePair.Create(child.Key, child.Value!));
        }

        return Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().Select(entry => KeyValuePair.Create((string)entry.Key, (string?)entry.Value ?? ""));
    }
}
