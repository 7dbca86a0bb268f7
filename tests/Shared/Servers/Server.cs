using System.Globalization;

namespace Larder.Tests.Shared;

/// <summary>One Redis or Valkey server on the loopback address, and the ways in which it can misbehave.</summary>
public sealed class Server : ITestServer
{
    /// <summary>Nothing listens here, and nothing may without root: a master that is never there.</summary>
    private const string NobodysPort = "1";

    private readonly ServerOptions _options;
    private string? _password;

    private Server(ServerKind kind, ServerOptions options)
    {
        Kind = kind;
        _options = options;
        _password = options.Password;
    }

    /// <inheritdoc/>
    public ServerKind Kind { get; }

    /// <summary>The process: kill it, restart it, freeze it.</summary>
    public ServerProcess Process { get; private set; } = null!;

    /// <summary>The port on the loopback address.</summary>
    public int Port => Process.Port;

    /// <summary>The address as <c>host:port</c>.</summary>
    public string EndPoint => $"127.0.0.1:{Port.ToString(CultureInfo.InvariantCulture)}";

    /// <inheritdoc/>
    public string ConnectionString => _password is null ? EndPoint : $"{EndPoint},password={_password}";

    /// <summary>Starts a server on a free port.</summary>
    public static async Task<Server> StartAsync(ServerKind kind, ServerOptions? options = null, CancellationToken cancellationToken = default)
    {
        var server = new Server(kind, options ?? new ServerOptions());
        server.Process = await ServerProcess.StartAsync(new ServerLaunch(ServerBinary.Find(kind), server.Configuration), cancellationToken);
        return server;
    }

    /// <summary>Ends the server as a crash would, and waits until it is gone.</summary>
    public Task KillAsync(CancellationToken cancellationToken = default) => Process.KillAsync(cancellationToken);

    /// <summary>Starts it again on the same port, killing it first if it still runs. Only a persistent one keeps its data.</summary>
    public Task RestartAsync(bool freshData = false, CancellationToken cancellationToken = default) =>
        Process.RestartAsync(freshData, cancellationToken);

    /// <summary>Freezes it: connections stay open, nothing is answered.</summary>
    public Task SuspendAsync(CancellationToken cancellationToken = default) => Process.SuspendAsync(cancellationToken);

    /// <summary>Ends a freeze.</summary>
    public void Resume() => Process.Resume();

    /// <summary>Sends one command over a connection of its own.</summary>
    /// <exception cref="RespException">The server answered with an error.</exception>
    public Task<RespValue> CommandAsync(params string[] command) => CommandAsync(command, CancellationToken.None);

    /// <inheritdoc cref="CommandAsync(string[])"/>
    public async Task<RespValue> CommandAsync(IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(cancellationToken);
        return await connection.ExecuteAsync(command, cancellationToken);
    }

    /// <summary>A raw connection, authenticated.</summary>
    public Task<RespConnection> OpenAsync(CancellationToken cancellationToken = default) =>
        RespConnection.OpenAsync(Port, _password, cancellationToken);

    /// <summary>The fields of INFO.</summary>
    public async Task<IReadOnlyDictionary<string, string>> InfoAsync(string section, CancellationToken cancellationToken = default) =>
        ServerInfo.Parse(await CommandAsync(["INFO", section], cancellationToken));

    /// <inheritdoc/>
    public Task FlushAsync(CancellationToken cancellationToken = default) => CommandAsync(["FLUSHALL"], cancellationToken);

    /// <inheritdoc/>
    public async Task<CommandCounts> CountCommandsAsync(CancellationToken cancellationToken = default) =>
        CommandCounts.Parse(await InfoAsync("commandstats", cancellationToken));

    /// <summary>Makes it the replica of a master that is not there, as a botched failover does: reads are answered, writes get READONLY.</summary>
    public Task SetReadOnlyAsync(bool readOnly, CancellationToken cancellationToken = default) =>
        CommandAsync(readOnly ? ["REPLICAOF", "127.0.0.1", NobodysPort] : ["REPLICAOF", "NO", "ONE"], cancellationToken);

    /// <summary>Makes it demand a replica that it has not: it stays a master, and writes get NOREPLICAS.</summary>
    public Task SetNoReplicasAsync(bool refuse, CancellationToken cancellationToken = default) =>
        ConfigureAsync("min-replicas-to-write", refuse ? "1" : "0", cancellationToken);

    /// <summary>Bounds its memory; one byte makes it full at once. With <c>noeviction</c> writes then get OOM. 0 lifts the bound.</summary>
    public async Task LimitMemoryAsync(long bytes, string policy = "noeviction", CancellationToken cancellationToken = default)
    {
        await ConfigureAsync("maxmemory-policy", policy, cancellationToken);
        await ConfigureAsync("maxmemory", bytes.ToString(CultureInfo.InvariantCulture), cancellationToken);
    }

    /// <summary>Changes the password, now and for restarts; null lifts it. Connections that are authenticated stay so.</summary>
    public async Task SetPasswordAsync(string? password, CancellationToken cancellationToken = default)
    {
        await ConfigureAsync("requirepass", password ?? "", cancellationToken);
        _password = password;
    }

    /// <summary>Closes all client connections from the server's side.</summary>
    public async Task DropClientsAsync(CancellationToken cancellationToken = default)
    {
        await using var connection = await OpenAsync(cancellationToken);
        foreach (var type in (string[])["normal", "pubsub"])
        {
            await connection.ExecuteAsync(["CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"], cancellationToken);
        }
    }

    /// <summary>CONFIG SET.</summary>
    public Task ConfigureAsync(string name, string value, CancellationToken cancellationToken = default) =>
        CommandAsync(["CONFIG", "SET", name, value], cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Process.DisposeAsync();

    private string Configuration(ServerProcess process) => string.Join('\n',
    [
        $"port {process.Port}",
        "bind 127.0.0.1",
        $"dir {process.Folder}",
        "daemonize no",
        // Snapshots fork, and a fork in the middle of a test is noise.
        "save \"\"",
        $"appendonly {(_options.Persistent ? "yes" : "no")}",
        "appendfsync always",
        .. _password is null ? (string[])[] : [$"requirepass {_password}", $"masterauth {_password}"],
        .. _options.Lines,
        "",
    ]);
}
