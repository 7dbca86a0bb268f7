using System.Globalization;
using System.Net;
using System.Text;
using FsCheck.Fluent;
using Microsoft.Extensions.Configuration;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.DependencyInjection;

/// <summary>Whatever is given as an address or in the environment: a value, or an error that names the setting and shows no password.</summary>
public sealed class ServerAddressFuzzTests
{
    private const string Setting = "The setting";
    private static readonly string[] Pieces =
        ["redis://", "rediss://", "valkey://", "http", "://", ":", "@", "/", ",", "?", "#", "&", "=", "[", "]", "%", "%zz", "%40", "::1", "127.0.0.1", "localhost", "h", "user", "6379", "0", "-1", "99999999999",
         "password=", "ssl=true", "timeout=5", "db=1", "service_name=m", "nonsense", " ", "\0", "\r\n", "é", "\uD83D\uDE00", "\uD800", "!", "*", "'", "\""];

    private static readonly string[] Names =
        ["CACHE_BACKEND", "CACHE_PREFIX", "CACHE_VERSION", "CACHE_TTL_DEFAULT", "CACHE_TTL_SHORT", "CACHE_TTL_LONG", "CACHE_DEBUG", "CACHE_METRICS", "KV_CACHE_TTL_SECONDS", "FAVICON_CACHE_TTL_SECONDS",
         "REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_TLS", "REDIS_TIMEOUT", "REDIS_RETRY_ON_TIMEOUT", "REDIS_MAX_CONNECTIONS", "REDIS_CACHE_TTL", "REDIS_PREFIX",
         "VALKEY_URL", "VALKEY_HOST", "VALKEY_PORT", "VALKEY_DB", "VALKEY_PASSWORD", "VALKEY_TLS", "VALKEY_TIMEOUT", "VALKEY_CACHE_TTL", "VALKEY_PREFIX"];

    [Fact]
    public void Any_text_is_an_address_or_a_clear_error() => Property.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        Check(string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => Pieces[random.Next(Pieces.Length)])));
    });

    [Fact]
    public void What_is_given_is_what_is_read() => Property.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        var (host, port) = (Pick(random, "h", "cache.example", "my_redis", "127.0.0.1", "[::1]", "[2001:db8::7]"), random.Next(1, 65_536));
        var (user, password, database) = (Secret(random), Secret(random), random.Next(0, 1_000));
        var options = ServerAddress.Parse(FormattableString.Invariant($"rediss://{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(password)}@{host}:{port}/{database}"));

        Assert.Equal((user, password, database, true), (options.User, options.Password, options.DefaultDatabase!.Value, options.Ssl));
        var endPoint = options.EndPoints.Single();
        Assert.Equal(FormattableString.Invariant($"{host}:{port}"), endPoint is DnsEndPoint dns ? FormattableString.Invariant($"{dns.Host}:{dns.Port}") : endPoint.ToString());
    });

    [Fact]
    public void No_error_shows_the_password_whatever_else_is_wrong() => Property.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        var password = Secret(random);
        var escaped = Uri.EscapeDataString(password);
        var user = Pick(random, "", "user", "us%20er");
        var host = Pick(random, "h", "", "a b", "[::1", "::1", "h,", "h,b:x", "{h}");
        var port = Pick(random, "", ":", ":1", ":0", ":x", ":99999");
        var path = Pick(random, "", "/", "/0", "/x", "/-1", "/0/1", "#");
        var query = Pick(random, "", "?", "?timeout=5", "?timeout=x", "?nonsense=1", "?db=x", "?protocol=9", "?ssl_cert_reqs=none");
        var scheme = Pick(random, "redis", "rediss", "valkey", "http", "redis+sentinel");
        foreach (var text in new[]
        {
            $"{scheme}://{user}:{escaped}@{host}{port}{path}{query}",
            $"{scheme}://{host}{port}{path}{query}{(query.Length == 0 ? "?" : "&")}password={escaped}",
            $"{scheme}://{user}x:{escaped}",
            $"{host}{port},password={password}{Pick(random, "", ",nonsense=1", ",ssl=x", ",connectTimeout=x")}",
            $"{user}:{password}@{host}{port}",
        })
        {
            if (Check(text) is { } failure)
            {
                Assert.DoesNotContain(password, failure, StringComparison.Ordinal);
                Assert.DoesNotContain(escaped, failure, StringComparison.Ordinal);
            }
        }
    });

    [Fact]
    public void Any_environment_gives_options_or_an_error_that_names_a_variable_and_no_password() => Property.Holds(Seeds, seed =>
    {
        var random = new Random(seed);
        var password = Secret(random);
        var variables = new Dictionary<string, string?>();
        for (var i = random.Next(1, 8); i > 0; i--)
        {
            var name = Names[random.Next(Names.Length)];
            variables[name] = name.EndsWith("_PASSWORD", StringComparison.Ordinal) ? password
                : name.EndsWith("_URL", StringComparison.Ordinal) ? $"redis://u:{Uri.EscapeDataString(password)}@{Pick(random, "h", "h:x", "", "h/x")}"
                : Pick(random, "1", "0", "true", "auto", "valkey", "memory", "h", "x", "-5", "1e5", "9999999999999", "NaN", "\0", " ", "é", $"redis://u:{Uri.EscapeDataString(password)}@h");
        }

        // What is no secret may be quoted; a whole URL in the wrong variable is hidden only where a host is expected.
        foreach (var (name, value) in variables.ToArray())
        {
            if (value!.StartsWith("redis://", StringComparison.Ordinal) && !name.EndsWith("_URL", StringComparison.Ordinal) && !name.EndsWith("_HOST", StringComparison.Ordinal))
            {
                variables[name] = "1";
            }
        }

        try
        {
            var environment = new LarderEnvironment(new ConfigurationBuilder().AddInMemoryCollection(variables).Build());
            var options = new LarderOptions();
            environment.Apply(options);
            environment.ApplyToNamespaces(options);
            environment.Server();
        }
        catch (FormatException exception)
        {
            Assert.Contains(variables.Keys, name => exception.Message.StartsWith(name, StringComparison.Ordinal));
            Assert.DoesNotContain(password, exception.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain(Uri.EscapeDataString(password), exception.ToString(), StringComparison.Ordinal);
        }
    });

    private static FsCheck.Gen<int> Seeds => Gen.Choose(0, int.MaxValue - 1);

    /// <summary>Null, or what the error says.</summary>
    private static string? Check(string text)
    {
        try
        {
            Assert.NotEmpty(ServerAddress.Parse(text, Setting).EndPoints);
            return null;
        }
        catch (FormatException exception)
        {
            Assert.StartsWith(Setting, exception.Message, StringComparison.Ordinal);
            Assert.Null(exception.InnerException);
            return exception.ToString();
        }
        catch (ArgumentException) when (string.IsNullOrWhiteSpace(text))
        {
            return null;
        }
    }

    /// <summary>Eight characters or more, so that no message holds them by accident, of any kind.</summary>
    private static string Secret(Random random)
    {
        var secret = new StringBuilder("Zq");
        for (var i = random.Next(6, 24); i > 0; i--)
        {
            secret.Append(random.Next(4) switch
            {
                0 => new Rune("@:/?#[]%&=,;+ '\"\\!*"[random.Next(19)]),
                1 when Rune.TryCreate(random.Next(0xA0, 0x1_F700), out var rune) => rune,
                _ => new Rune((char)random.Next('a', 'z' + 1)),
            });
        }

        return secret.Append('Q').ToString();
    }

    private static string Pick(Random random, params string[] texts) => texts[random.Next(texts.Length)];
}
