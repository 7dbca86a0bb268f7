using System.Globalization;
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
        foreach (var (name, value) in Variables().Where(variable => variable.Key.EndsWith(NamespaceSuffix, StringComparison.Ordinal)))
        {
            var upper = name[..^NamespaceSuffix.Length];
            if (upper.Length == 0 || upper == "KV")
            {
                continue;
            }

            // FAVICON_CACHE_TTL_SECONDS is about the namespace registered as "favicon" in any casing, otherwise "favicon".
            var known = options.Namespaces.Keys.FirstOrDefault(key => string.Equals(key, upper, StringComparison.OrdinalIgnoreCase)) ?? upper.ToLowerInvariant();
            if (!options.Namespaces.TryGetValue(known, out var forNamespace))
            {
                options.Namespaces[known] = forNamespace = new NamespaceOptions();
            }

            forNamespace.DefaultExpiration = ParseSeconds(name, value);
        }
    }

    /// <summary>The server that the environment names, or null for none.</summary>
    public ConfigurationOptions? Server()
    {
        var backend = Get("CACHE_BACKEND")?.Trim().ToLowerInvariant() ?? "auto";
        if (backend is "memory" or "none")
        {
            return null;
        }

        if (backend is not ("auto" or "redis" or "valkey"))
        {
            throw new FormatException($"CACHE_BACKEND is '{backend}'. Use redis, valkey, auto or memory.");
        }

        var valkey = IsValkey();
        ConfigurationOptions options;
        if ((valkey ? Get("VALKEY_URL") ?? Get("REDIS_URL") : Get("REDIS_URL")) is { } url)
        {
            options = ServerAddress.Parse(url);
        }
        else if (Find(valkey, "HOST") is not null || backend != "auto")
        {
            options = new ConfigurationOptions
            {
                DefaultDatabase = FindNumber(valkey, "DB"),
                Password = Find(valkey, "PASSWORD"),
                User = Find(valkey, "USERNAME"),
                Ssl = FindFlag(valkey, "TLS") ?? false,
            };
            options.EndPoints.Add(Find(valkey, "HOST") ?? "localhost", FindNumber(valkey, "PORT") ?? 6379);
        }
        else
        {
            return null;
        }

        if (FindSeconds(valkey, "TIMEOUT") is { } timeout)
        {
            options.ConnectTimeout = (int)timeout.TotalMilliseconds;
        }

        if (FindFlag(valkey, "RETRY_ON_TIMEOUT") == false)
        {
            options.ConnectRetry = 1;
        }

        return options;
    }

    private bool IsValkey() => Get("CACHE_BACKEND")?.Trim().ToLowerInvariant() switch
    {
        "valkey" => true,
        "redis" => false,
        _ => Get("VALKEY_HOST") is not null || Get("VALKEY_URL") is not null,
    };

    // The VALKEY_ variables fall back to the REDIS_ ones.
    private string? Find(bool valkey, string name) => (valkey ? Get("VALKEY_" + name) : null) ?? Get("REDIS_" + name);

    private TimeSpan? FindSeconds(bool valkey, string name) => (valkey ? Seconds("VALKEY_" + name) : null) ?? Seconds("REDIS_" + name);

    private int? FindNumber(bool valkey, string name)
    {
        if (Find(valkey, name) is not { } text)
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormatException($"{(valkey ? "VALKEY_" : "REDIS_")}{name} is '{text}'. It must be a whole number.");
    }

    private bool? FindFlag(bool valkey, string name) => Find(valkey, name)?.Trim().ToLowerInvariant() switch
    {
        null => null,
        "1" or "true" or "yes" or "on" => true,
        "0" or "false" or "no" or "off" => false,
        var other => throw new FormatException($"{(valkey ? "VALKEY_" : "REDIS_")}{name} is '{other}'. Use true or false."),
    };

    private TimeSpan? Seconds(string name) => Get(name) is { } text ? ParseSeconds(name, text) : null;

    private static TimeSpan ParseSeconds(string name, string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds <= TimeSpan.MaxValue.TotalSeconds / 2
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
