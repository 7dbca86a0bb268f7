using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Larder.Tests;

/// <summary>Encrypted connections to a server that speaks in the clear, with a certificate of its own making.</summary>
internal sealed class TlsEntrance : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ended = new();
    private readonly X509Certificate2 _certificate = Certify();
    private readonly int _server;
    private readonly TimeSpan _slowness;
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly Task _accepting;
    private CancellationTokenSource _cut = new();

    /// <param name="server">The server's port.</param>
    /// <param name="slowness">For how long the handshake of each connection is held up.</param>
    public TlsEntrance(int server, TimeSpan slowness)
    {
        (_server, _slowness) = (server, slowness);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => $"rediss://{_listener.LocalEndpoint}?ssl_cert_reqs=none";

    /// <summary>Ends all connections that there are; when it returns, nothing goes over them.</summary>
    public async Task CutAsync()
    {
        var those = _connections.ToArray();
        await Interlocked.Exchange(ref _cut, new CancellationTokenSource()).CancelAsync();
        await Task.WhenAll(those);
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        _listener.Stop();
        await _accepting;
        await CutAsync();
        _certificate.Dispose();
        _ended.Dispose();
    }

    private static X509Certificate2 Certify()
    {
        using var key = RSA.Create(2048);
        using var made = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));

        // Not every platform takes a key that was never exported.
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_ended.Token), _cut.Token));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // The end. A listener that was stopped since it gave the last connection says "invalid operation".
        }
    }

    private async Task ServeAsync(TcpClient client, CancellationToken cut)
    {
        try
        {
            using var accepted = client;
            await Task.Delay(_slowness, cut);
            await using var tls = new SslStream(client.GetStream());
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, cut);
            using var server = new TcpClient { NoDelay = true };
            await server.ConnectAsync(IPAddress.Loopback, _server, cut);

            // When one side is gone, so is the other.
            await await Task.WhenAny(tls.CopyToAsync(server.GetStream(), cut), server.GetStream().CopyToAsync(tls, cut));
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
        {
            // A client that has given up, or the end of the test.
        }
    }
}
