using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using StackExchange.Redis;
using StackExchange.Redis.Configuration;

namespace Larder.PipelinesSockets.Tests.Redis;

/// <summary>The ways to a server that are not a TCP socket, most of which go through streams.</summary>
[Collection(RedisGroup.Name)]
public sealed class TransportTests(RedisFixture redis)
{
    /// <summary>NoDelay is a TCP option, which a Unix domain socket rejects.</summary>
    [RedisFact]
    public async Task Unix_domain_sockets_work()
    {
        var options = redis.Options();
        options.EndPoints.Clear();
        options.EndPoints.Add(new UnixDomainSocketEndPoint(redis.Server.SocketPath));

        await ExchangeAsync(options);
    }

    [RedisFact]
    public async Task Tls_works_and_notices_the_end_of_the_server()
    {
        var folder = Directory.CreateTempSubdirectory("ps-tls-");
        try
        {
            await using var server = await RedisServer.StartAsync(CreateCertificate(folder.FullName));
            var options = RedisFixture.OptionsFor(server, RedisProtocol.Resp3);
            options.EndPoints.Clear();
            options.EndPoints.Add("127.0.0.1", server.TlsPort);
            options.Ssl = true;
            options.CertificateValidation += (_, _, _, errors) => (errors & SslPolicyErrors.RemoteCertificateNotAvailable) == 0;
            await ExchangeAsync(options);

            await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
            var failed = new TaskCompletionSource();
            multiplexer.ConnectionFailed += (_, _) => failed.TrySetResult();
            await server.KillAsync();
            await failed.Task.WaitAsync(Eventually.Patience);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

#pragma warning disable CS0618 // Experimental, and the only caller of StreamConnection.GetReader.
    /// <summary>A recorded conversation: the recording wraps the stream, the replay reads with a reader over a stream.</summary>
    [RedisFact]
    public async Task A_logged_conversation_can_be_replayed()
    {
        var folder = Directory.CreateTempSubdirectory("ps-log-");
        try
        {
            var options = redis.Options();
            LoggingTunnel.LogToDirectory(options, folder.FullName);
            await ExchangeAsync(options);

            long messages = 0;
            foreach (var file in folder.GetFiles("*.out"))
            {
                await Eventually.TrueAsync(() => IsClosed(file), "the recording is written");
                messages += await LoggingTunnel.ValidateAsync(file.FullName);
            }

            Assert.True(messages >= 20, $"only {messages} messages were read back");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
#pragma warning restore CS0618

    private static bool IsClosed(FileInfo file)
    {
        try
        {
            using var stream = file.Open(FileMode.Open, FileAccess.Read, FileShare.None);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static async Task ExchangeAsync(ConfigurationOptions options)
    {
        var value = RandomNumberGenerator.GetBytes(1 << 20);
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
        var database = multiplexer.GetDatabase();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => database.StringSetAsync($"transport:{i}", value)));

        Assert.Equal(value, (byte[]?)await database.StringGetAsync("transport:7"));
    }

    private static (string Certificate, string Key) CreateCertificate(string folder)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var paths = (Path.Combine(folder, "cert.pem"), Path.Combine(folder, "key.pem"));
        File.WriteAllText(paths.Item1, certificate.ExportCertificatePem());
        File.WriteAllText(paths.Item2, key.ExportPkcs8PrivateKeyPem());
        return paths;
    }
}
