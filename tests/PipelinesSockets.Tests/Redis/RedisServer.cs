using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Larder.PipelinesSockets.Tests.Redis;

/// <summary>A redis-server of the test's own, on a free loopback port, ended through its own process handle.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private readonly string _folder;
    private Process? _process;

    private RedisServer(string folder) => _folder = folder;

    public int Port { get; private set; }

    public int TlsPort { get; private set; }

    public string SocketPath => Path.Combine(_folder, "s");

    /// <param name="certificate">Paths of a certificate and its key, for a TLS port as well.</param>
    public static async Task<RedisServer> StartAsync((string Certificate, string Key)? certificate = null)
    {
        var server = new RedisServer(Directory.CreateTempSubdirectory("ps-redis-").FullName);
        for (var attempt = 1; ; attempt++)
        {
            // Between choosing a port and binding it somebody else may take it.
            server.Port = FreePort();
            server.TlsPort = certificate is null ? 0 : FreePort();
            if (await server.TryLaunchAsync(certificate))
            {
                return server;
            }

            Assert.True(attempt < 5, "redis-server did not start; is it installed with all it needs?");
        }
    }

    /// <summary>Ends the process as a crash would: no shutdown, no reply.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    public async Task RestartAsync()
        => Assert.True(await TryLaunchAsync(null), $"redis-server did not come back on port {Port}.");

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<bool> TryLaunchAsync((string Certificate, string Key)? certificate)
    {
        var start = new ProcessStartInfo("redis-server") { RedirectStandardOutput = true, WorkingDirectory = _folder };
        string[] arguments =
        [
            "--port", $"{Port}", "--bind", "127.0.0.1", "--unixsocket", SocketPath, "--save", "", "--appendonly", "no",
            "--daemonize", "no", "--logfile", "",
        ];
        string[] tls = certificate is not { } pair
            ? []
            : ["--tls-port", $"{TlsPort}", "--tls-cert-file", pair.Certificate, "--tls-key-file", pair.Key, "--tls-auth-clients", "no"];
        foreach (var argument in arguments.Concat(tls))
        {
            start.ArgumentList.Add(argument);
        }

        // A missing program throws here, and fails the test.
        _process = Process.Start(start)!;
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.Contains("eady to accept connections", StringComparison.Ordinal))
            {
                // Goes on reading, or the server blocks once the pipe is full. Ends with the process.
                _ = _process.StandardOutput.ReadToEndAsync();
                return true;
            }
        }

        await KillAsync();
        return false;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
