using System.Net;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.DependencyInjection;

public sealed class ServerAddressTests
{
    [Theory]
    [InlineData("redis://cache.local", "Unspecified/cache.local:6379", false)]
    [InlineData("redis://cache.local:7000/3", "Unspecified/cache.local:7000", false)]
    [InlineData("rediss://cache.local", "Unspecified/cache.local:6379", true)]
    [InlineData("valkey://cache.local", "Unspecified/cache.local:6379", false)]
    [InlineData("valkeys://cache.local:1", "Unspecified/cache.local:1", true)]
    [InlineData("REDISS://cache.local", "Unspecified/cache.local:6379", true)]
    [InlineData("redis://127.0.0.1:6380", "127.0.0.1:6380", false)]
    [InlineData("redis://[::1]", "[::1]:6379", false)]
    [InlineData("redis://[::1]:6380/", "[::1]:6380", false)]
    [InlineData("redis://a,b:1, c:2", "Unspecified/a:6379 Unspecified/b:1 Unspecified/c:2", false)]
    [InlineData("redis://a?client=x", "Unspecified/a:6379", false)]
    [InlineData("a:1,b:2,ssl=true", "Unspecified/a:1 Unspecified/b:2", true)]
    public void An_address_names_its_servers(string text, string servers, bool tls)
    {
        var options = ServerAddress.Parse(text);

        Assert.Equal(servers, string.Join(' ', options.EndPoints.Select(endPoint => endPoint is IPEndPoint address ? address.ToString() : endPoint.ToString())));
        Assert.Equal(tls, options.Ssl);
    }

    [Theory]
    [InlineData("redis://user:pass@h", "user", "pass")]
    [InlineData("redis://:pass@h", null, "pass")]
    [InlineData("redis://user@h", "user", null)]
    [InlineData("redis://us%40er:p%3Aa%2Fs%23s@h", "us@er", "p:a/s#s")]
    [InlineData("redis://user:with@at@h", "user", "with@at")]
    [InlineData("redis://user:with?mark@h", "user", "with?mark")]
    [InlineData("redis://user:with:colon@h", "user", "with:colon")]
    [InlineData("h,user=me,password=secret", "me", "secret")]
    public void An_address_may_hold_credentials(string text, string? user, string? password)
    {
        var options = ServerAddress.Parse(text);

        Assert.Equal((user, password), (options.User, options.Password));
    }

    [Fact]
    public void The_options_of_an_address_are_taken_over()
    {
        var options = ServerAddress.Parse("rediss://h?timeout=5&socket_timeout=0.25&retry_on_timeout=false&max_connections=9&health_check_interval=30&db=3&Username=u&password=a%26b&protocol=3&client_name=me");

        Assert.Equal((5_000, 250, 250, 1, 30), (options.ConnectTimeout, options.AsyncTimeout, options.SyncTimeout, options.ConnectRetry, options.KeepAlive));
        Assert.Equal((3, "u", "a&b", RedisProtocol.Resp3, "me"), (options.DefaultDatabase, options.User, options.Password, options.Protocol!.Value, options.ClientName));
    }

    [Fact]
    public void A_sentinel_group_is_named_in_the_address_and_has_the_port_of_sentinels()
    {
        var options = ServerAddress.Parse("redis://:secret@a,b:26380/2?service_name=mymaster");

        Assert.Equal(("mymaster", 2, "secret"), (options.ServiceName, options.DefaultDatabase, options.Password));
        Assert.Equal([26379, 26380], options.EndPoints.Select(endPoint => ((DnsEndPoint)endPoint).Port));
    }

    [Theory]
    [InlineData("redis://h", null)]
    [InlineData("redis://h/", null)]
    [InlineData("redis://h/0", 0)]
    [InlineData("redis://h:1/15", 15)]
    public void An_address_may_name_a_database(string text, int? database) => Assert.Equal(database, ServerAddress.Parse(text).DefaultDatabase);

    [Theory]
    [InlineData("http://h", "http://")]
    [InlineData("redis://", "redis://")]
    [InlineData("redis:///0", "redis:///0")]
    [InlineData("redis://h/abc", "'abc'")]
    [InlineData("redis://h/-1", "'-1'")]
    [InlineData("redis://h/99999999999", "'99999999999'")]
    [InlineData("redis://h:x", "'redis://h:***'")]
    [InlineData("redis://::1", "in brackets")]
    [InlineData("redis://[::1", "in brackets")]
    [InlineData("redis://[h]", "in brackets")]
    [InlineData("redis://a b", "neither a name nor an address")]
    [InlineData("redis://h/0#x", "'#'")]
    [InlineData("redis://h/1?db=2", "1 and 2")]
    [InlineData("redis://h?timeout=soon", "'soon'")]
    [InlineData("redis://h?timeout=0", "'0'")]
    [InlineData("redis://h?socket_timeout=-1", "'-1'")]
    [InlineData("redis://h?ssl_cert_reqs=perhaps", "'perhaps'")]
    [InlineData("redis://h?ssl_check_hostname=2", "'2'")]
    [InlineData("redis://h?protocol=4", "'4'")]
    [InlineData("redis://h?max_connections=0", "'0'")]
    [InlineData("redis://h?client_name=a%20b", "'a b'")]
    [InlineData("redis://h?service_name=", "Sentinels")]
    [InlineData("redis://h?decode_responses=true", "Known are timeout")]
    [InlineData("redis://h?client_name=a@b", "%40")]
    [InlineData("user:secret@h:6379", "redis://")]
    [InlineData("redis://user@h:x", "'x'")]
    [InlineData("redis://:6379", "'redis://:6379'")]
    [InlineData("redis://h:0", "'0'")]
    [InlineData("redis://h:65536", "'65536'")]
    [InlineData("redis://h:", "''")]
    [InlineData("h:1,nonsense=1", "nonsense")]
    [InlineData("connectTimeout=5", "connectTimeout=5")]
    public void An_address_that_is_none_is_refused_with_the_part_that_is_wrong(string text, string quoted) =>
        Assert.Contains(quoted, Assert.Throws<FormatException>(() => ServerAddress.Parse(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("redis://user:secret@h:x")]
    [InlineData("redis://user:secret")]
    [InlineData("redis://user:se@secret@h/x")]
    [InlineData("redis://user:secret?x@h:y")]
    [InlineData("ftp://user:secret@h")]
    [InlineData("h:1,password=secret,nonsense=1")]
    [InlineData("h:1,PASSWORD=secret,nonsense=1")]
    [InlineData("h:1,password=a,ssl=secret")]
    [InlineData("h:1,password=a,secret b")]
    [InlineData("h:1,pasword=secret")]
    [InlineData("h:1,password=http://secret,nonsense=1")]
    [InlineData("user:secret@h:1")]
    [InlineData("redis://user:a/secret")]
    [InlineData("redis://h:1?password=secret&nonsense=1")]
    [InlineData("redis://h:1?pasword=secret")]
    [InlineData("redis://h:1?password=secret@x")]
    [InlineData("redis://user:secret#x@h#")]
    public void No_message_shows_a_password(string text)
    {
        var exception = Assert.Throws<FormatException>(() => ServerAddress.Parse(text));

        Assert.DoesNotContain("secret", exception.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  ")]
    public void Nothing_is_no_address(string? text) => Assert.ThrowsAny<ArgumentException>(() => ServerAddress.Parse(text!));

    [Fact]
    public void A_server_that_is_away_neither_stops_the_application_nor_holds_up_commands()
    {
        var options = ServerAddress.Parse("redis://h");
        ServerAddress.ApplyDefaults(options);

        Assert.False(options.AbortOnConnectFail);
        Assert.Same(BacklogPolicy.FailFast, options.BacklogPolicy);
    }

    [Theory]
    [InlineData("redis://h", 500)]
    [InlineData("redis://h?timeout=10", 500)]
    [InlineData("rediss://h", 2_500)]
    [InlineData("rediss://h?timeout=10", 5_000)]
    [InlineData("rediss://h?timeout=0.2", 500)]
    [InlineData("h:1,ssl=true,connectTimeout=8000", 4_000)]
    public void A_connection_in_the_making_has_the_time_that_a_handshake_may_take(string text, int milliseconds)
    {
        var options = ServerAddress.Parse(text);
        ServerAddress.ApplyDefaults(options);

        Assert.False(options.ReconnectRetryPolicy.ShouldRetry(0, milliseconds - 1));
        Assert.True(options.ReconnectRetryPolicy.ShouldRetry(0, milliseconds));
    }
}
