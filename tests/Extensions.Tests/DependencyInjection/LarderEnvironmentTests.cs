using System.Net;
using Microsoft.Extensions.Configuration;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.DependencyInjection;

public sealed class LarderEnvironmentTests
{
    [Fact]
    public void An_empty_environment_changes_nothing_and_names_no_server()
    {
        var options = Options([]);

        Assert.Equal(("cache", "v1", TimeSpan.FromMinutes(5)), (options.Prefix, options.Version, options.DefaultExpiration));
        Assert.Empty(options.Namespaces);
        Assert.Null(Server([]));
        Assert.Null(Server(["REDIS_PORT=1", "REDIS_PASSWORD=x"]));
        Assert.Null(Server(["REDIS_URL=  "]));
    }

    [Theory]
    [InlineData("CACHE_PREFIX=shop", "shop")]
    [InlineData("REDIS_PREFIX=shop:", "shop")]
    [InlineData("REDIS_PREFIX=a;CACHE_PREFIX=b", "b")]
    [InlineData("REDIS_PREFIX=a;VALKEY_PREFIX=b;CACHE_BACKEND=valkey", "b")]
    [InlineData("REDIS_PREFIX=a;CACHE_BACKEND=valkey", "a")]
    [InlineData("REDIS_PREFIX=a;VALKEY_PREFIX=b;CACHE_BACKEND=redis", "a")]
    [InlineData("VALKEY_PREFIX=b;VALKEY_HOST=h", "b")]
    public void The_prefix_comes_from_its_variables(string variables, string expected) => Assert.Equal(expected, Options(variables.Split(';')).Prefix);

    [Fact]
    public void The_version_comes_from_its_variable() => Assert.Equal("v7", Options(["CACHE_VERSION=v7"]).Version);

    [Theory]
    [InlineData("REDIS_CACHE_TTL=60", 60)]
    [InlineData("REDIS_CACHE_TTL=60;KV_CACHE_TTL_SECONDS=70", 70)]
    [InlineData("KV_CACHE_TTL_SECONDS=70;CACHE_TTL_DEFAULT=80", 80)]
    [InlineData("CACHE_TTL_DEFAULT=0", 0)]
    [InlineData("CACHE_TTL_DEFAULT=0.5", 0.5)]
    [InlineData("REDIS_CACHE_TTL=60;VALKEY_CACHE_TTL=90;CACHE_BACKEND=valkey", 90)]
    [InlineData("REDIS_CACHE_TTL=60;CACHE_BACKEND=valkey", 60)]
    public void The_default_expiration_comes_from_its_variables(string variables, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Options(variables.Split(';')).DefaultExpiration);

    [Fact]
    public void Short_and_long_expirations_come_from_their_variables()
    {
        var (none, both) = (Options([]), Options(["CACHE_TTL_SHORT=5", "CACHE_TTL_LONG=7200"]));

        Assert.Equal((TimeSpan.FromSeconds(30), TimeSpan.FromHours(1)), (none.ShortExpiration, none.LongExpiration));
        Assert.Equal((TimeSpan.FromSeconds(5), TimeSpan.FromHours(2)), (both.ShortExpiration, both.LongExpiration));
    }

    [Fact]
    public void Statistics_are_switched_on_by_their_variable()
    {
        Assert.False(Options([]).Statistics);
        Assert.True(Options(["CACHE_METRICS=1"]).Statistics);
        Assert.False(Options(["CACHE_METRICS=0"]).Statistics);
        Assert.Contains("CACHE_METRICS is 'perhaps'", Assert.Throws<FormatException>(() => Options(["CACHE_METRICS=perhaps"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_for_each_call_are_asked_for_by_their_variable()
    {
        Assert.False(Options([]).LogsCalls);
        Assert.True(Options(["CACHE_DEBUG=1"]).LogsCalls);
        Assert.Contains("CACHE_DEBUG is 'perhaps'", Assert.Throws<FormatException>(() => Options(["CACHE_DEBUG=perhaps"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("REDIS_URL=redis://r;VALKEY_URL=valkey://v;CACHE_BACKEND=auto", "valkey", "VALKEY_URL")]
    [InlineData("REDIS_URL=redis://r", "redis", "REDIS_URL")]
    [InlineData("REDIS_HOST=r;CACHE_BACKEND=valkey", "valkey", "REDIS_HOST")]
    [InlineData("VALKEY_HOST=v;REDIS_HOST=r", "valkey", "VALKEY_HOST")]
    [InlineData("CACHE_BACKEND=redis", "redis", "CACHE_BACKEND")]
    public void What_was_chosen_and_by_which_variable_is_known(string variables, string backend, string source)
    {
        var choice = new LarderEnvironment(Configuration(variables.Split(';'))).Server()!;

        Assert.Equal((backend, source), (choice.Backend, choice.Source));
    }

    [Theory]
    [InlineData("REDIS_HOST=[::1]")]
    [InlineData("REDIS_HOST=::1")]
    public void A_host_may_be_an_ipv6_address(string variable) => Assert.Equal(new IPEndPoint(IPAddress.IPv6Loopback, 6379), Server([variable])!.EndPoints.Single());

    [Theory]
    [InlineData("REDIS_HOST=redis://user:secret@h", "REDIS_URL")]
    [InlineData("VALKEY_HOST=h:secret", "VALKEY_PORT")]
    public void What_is_no_host_is_refused_without_showing_it(string variable, string instead)
    {
        var message = Assert.Throws<FormatException>(() => Server([variable])).Message;

        Assert.Contains(instead, message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_most_connections_may_be_given() => Assert.NotNull(Server(["REDIS_HOST=h", "REDIS_MAX_CONNECTIONS=50"]));

    [Fact]
    public void A_namespace_gets_its_expiration_from_a_variable_of_its_name()
    {
        var options = Options(["FAVICON_CACHE_TTL_SECONDS=86400", "USER_PROFILE_CACHE_TTL_SECONDS=60", "KV_CACHE_TTL_SECONDS=5"]);

        Assert.Equal(["favicon", "user_profile"], options.Namespaces.Keys.Order());
        Assert.Equal(TimeSpan.FromDays(1), options.Namespaces["favicon"].DefaultExpiration);
        Assert.Equal(TimeSpan.FromMinutes(1), options.Namespaces["user_profile"].DefaultExpiration);
    }

    [Theory]
    [InlineData("REDIS_URL=redis://u:p@h:1/2", "h:1", 2, "u", "p", false)]
    [InlineData("REDIS_URL=rediss://h", "h:6379", null, null, null, true)]
    [InlineData("VALKEY_URL=valkey://v;REDIS_URL=redis://r", "v:6379", null, null, null, false)]
    [InlineData("VALKEY_URL=valkey://v;REDIS_URL=redis://r;CACHE_BACKEND=redis", "r:6379", null, null, null, false)]
    [InlineData("REDIS_URL=redis://r;CACHE_BACKEND=valkey", "r:6379", null, null, null, false)]
    [InlineData("REDIS_HOST=h;REDIS_PORT=7;REDIS_DB=3;REDIS_PASSWORD=p", "h:7", 3, null, "p", false)]
    [InlineData("REDIS_HOST=h;REDIS_USERNAME=u;REDIS_TLS=true", "h:6379", null, "u", null, true)]
    [InlineData("VALKEY_HOST=v;VALKEY_PORT=8;VALKEY_DB=4;VALKEY_PASSWORD=q", "v:8", 4, null, "q", false)]
    [InlineData("VALKEY_HOST=v;REDIS_PORT=7;REDIS_DB=3;REDIS_PASSWORD=p", "v:7", 3, null, "p", false)]
    [InlineData("VALKEY_HOST=v;REDIS_HOST=r;REDIS_PORT=7;VALKEY_PORT=8", "v:8", null, null, null, false)]
    [InlineData("VALKEY_HOST=v;REDIS_HOST=r;CACHE_BACKEND=redis", "r:6379", null, null, null, false)]
    [InlineData("REDIS_HOST=r;CACHE_BACKEND=valkey", "r:6379", null, null, null, false)]
    [InlineData("CACHE_BACKEND=redis", "localhost:6379", null, null, null, false)]
    [InlineData("CACHE_BACKEND=Valkey", "localhost:6379", null, null, null, false)]
    public void The_server_comes_from_its_variables(string variables, string endPoint, int? database, string? user, string? password, bool tls)
    {
        var server = Server(variables.Split(';'))!;

        Assert.Equal(endPoint, server.EndPoints.Single() is DnsEndPoint dns ? $"{dns.Host}:{dns.Port}" : "");
        Assert.Equal((database, user, password, tls), (server.DefaultDatabase, server.User, server.Password, server.Ssl));
    }

    [Theory]
    [InlineData("CACHE_BACKEND=memory;REDIS_URL=redis://h")]
    [InlineData("CACHE_BACKEND=none;REDIS_HOST=h")]
    public void Memory_can_be_asked_for_although_a_server_is_named(string variables) => Assert.Null(Server(variables.Split(';')));

    [Theory]
    [InlineData("REDIS_HOST=h;REDIS_TIMEOUT=4", 4_000)]
    [InlineData("REDIS_HOST=h;REDIS_TIMEOUT=0.25", 250)]
    [InlineData("VALKEY_HOST=h;REDIS_TIMEOUT=4;VALKEY_TIMEOUT=2", 2_000)]
    [InlineData("REDIS_URL=redis://h;REDIS_TIMEOUT=3", 3_000)]
    public void The_timeout_is_given_in_seconds(string variables, int milliseconds) => Assert.Equal(milliseconds, Server(variables.Split(';'))!.ConnectTimeout);

    [Theory]
    [InlineData("false", 1)]
    [InlineData("0", 1)]
    [InlineData("No", 1)]
    public void Retries_on_a_timeout_can_be_switched_off(string value, int retries) => Assert.Equal(retries, Server(["REDIS_HOST=h", $"REDIS_RETRY_ON_TIMEOUT={value}"])!.ConnectRetry);

    [Fact]
    public void Retries_on_a_timeout_are_on_by_default() =>
        Assert.Equal(Server(["REDIS_HOST=h"])!.ConnectRetry, Server(["REDIS_HOST=h", "REDIS_RETRY_ON_TIMEOUT=true"])!.ConnectRetry);

    [Theory]
    [InlineData("CACHE_BACKEND=memcached", "CACHE_BACKEND", "'memcached'")]
    [InlineData("REDIS_HOST=h;REDIS_PORT=many", "REDIS_PORT", "'many'")]
    [InlineData("REDIS_HOST=h;REDIS_DB=-1", "REDIS_DB", "'-1'")]
    [InlineData("REDIS_HOST=h;REDIS_MAX_CONNECTIONS=lots", "REDIS_MAX_CONNECTIONS", "'lots'")]
    [InlineData("VALKEY_HOST=h;REDIS_MAX_CONNECTIONS=5;VALKEY_MAX_CONNECTIONS=0", "VALKEY_MAX_CONNECTIONS", "'0'")]
    [InlineData("REDIS_HOST=h;REDIS_TLS=maybe", "REDIS_TLS", "'maybe'")]
    [InlineData("REDIS_HOST=h;REDIS_TIMEOUT=soon", "REDIS_TIMEOUT", "'soon'")]
    [InlineData("REDIS_HOST=h;REDIS_TIMEOUT=-1", "REDIS_TIMEOUT", "'-1'")]
    [InlineData("VALKEY_HOST=h;VALKEY_RETRY_ON_TIMEOUT=2", "VALKEY_RETRY_ON_TIMEOUT", "'2'")]
    [InlineData("REDIS_URL=redis://user@h:x", "redis://***@h:x", "'x'")]
    public void A_wrong_value_is_refused_with_its_variable_and_itself(string variables, params string[] quoted)
    {
        var message = Assert.Throws<FormatException>(() => Server(variables.Split(';'))).Message;

        Assert.All(quoted, text => Assert.Contains(text, message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("VALKEY_HOST=h;REDIS_PORT=many", "REDIS_PORT")]
    [InlineData("VALKEY_HOST=h;REDIS_TLS=maybe", "REDIS_TLS")]
    public void A_wrong_value_that_valkey_falls_back_to_is_named_by_the_variable_that_holds_it(string variables, string name) =>
        Assert.Contains(name, Assert.Throws<FormatException>(() => Server(variables.Split(';'))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("REDIS_HOST=h;REDIS_PORT=99999", "'99999'")]
    [InlineData("REDIS_HOST=h;REDIS_PORT=0", "'0'")]
    [InlineData("REDIS_HOST=h;REDIS_TIMEOUT=99999999", "'99999999'")]
    public void A_number_out_of_range_is_refused_with_itself(string variables, string quoted) =>
        Assert.Contains(quoted, Assert.Throws<FormatException>(() => Server(variables.Split(';'))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("CACHE_TTL_DEFAULT=five", "'five'")]
    [InlineData("REDIS_CACHE_TTL=-5", "'-5'")]
    [InlineData("KV_CACHE_TTL_SECONDS=1e400", "'1e400'")]
    [InlineData("CACHE_TTL_SHORT=soon", "'soon'")]
    [InlineData("CACHE_TTL_LONG=-1", "'-1'")]
    [InlineData("CACHE_TTL_DEFAULT=NaN", "'NaN'")]
    [InlineData("CACHE_TTL_DEFAULT=Infinity", "'Infinity'")]
    [InlineData("CACHE_TTL_DEFAULT=-Infinity", "'-Infinity'")]
    [InlineData("FAVICON_CACHE_TTL_SECONDS=x", "'x'")]
    public void A_wrong_expiration_is_refused_with_its_variable_and_itself(string variable, string quoted)
    {
        var message = Assert.Throws<FormatException>(() => Options([variable])).Message;

        Assert.Contains(quoted, message, StringComparison.Ordinal);
        Assert.Contains(variable.Split('=')[0], message, StringComparison.Ordinal);
    }

    private static LarderOptions Options(string[] variables)
    {
        var options = new LarderOptions();
        var environment = new LarderEnvironment(Configuration(variables));
        environment.Apply(options);
        environment.ApplyToNamespaces(options);
        return options;
    }

    private static ConfigurationOptions? Server(string[] variables) => new LarderEnvironment(Configuration(variables)).Server()?.Configuration;

    private static IConfiguration Configuration(string[] variables) => new ConfigurationBuilder()
        .AddInMemoryCollection(variables.Select(variable => variable.Split('=', 2)).Select(parts => KeyValuePair.Create(parts[0], (string?)parts[1])))
        .Build();
}
