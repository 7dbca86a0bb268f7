using System.Globalization;
using System.Net.Sockets;

namespace Larder.Tests.Shared;

/// <summary>One running server program: its port, its data folder, its life and death.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(30);

    private readonly ServerLaunch _launch;
    private KeptProcess? _process;

    private ServerProcess(ServerLaunch launch, int port)
    {
        _launch = launch;
        Port = port;
        Folder = Directory.CreateTempSubdirectory("larder-test-").FullName;
    }

    /// <summary>The port on the loopback address. It stays the same over restarts.</summary>
    public int Port { get; }

    /// <summary>The data folder, below the system's temp folder.</summary>
    public string Folder { get; }

    /// <summary>The server's own process id; it changes with every start.</summary>
    public int ProcessId { get; private set; }

    /// <summary>Whether the server has been started and has not ended.</summary>
    public bool IsRunning => _process is { IsRunning: true };

    /// <summary>Everything the server has logged so far.</summary>
    public string Log => _process?.Log ?? "";

    /// <summary>Starts a program on a free port, and waits until it answers.</summary>
    internal static async Task<ServerProcess> StartAsync(ServerLaunch launch, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var server = new ServerProcess(launch, Ports.Next());
            try
            {
                await server.StartAsync(cancellationToken);
                return server;
            }
            catch (Exception exception)
            {
                // Another test run may take a port between the look and the start.
                var portTaken = exception is ServerFailedException && server.Log.Contains("in use", StringComparison.OrdinalIgnoreCase);
                await server.DisposeAsync();
                if (!portTaken || attempt == 5)
                {
                    throw;
                }
            }
        }
    }

    /// <summary>Starts the server again on its port after it has ended.</summary>
    /// <param name="freshData">Whether to begin with an empty data folder.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task RestartAsync(bool freshData = false, CancellationToken cancellationToken = default)
    {
        await KillAsync(cancellationToken);
        if (freshData)
        {
            Directory.Delete(Folder, recursive: true);
            Directory.CreateDirectory(Folder);
        }

        await StartAsync(cancellationToken);
    }

    /// <summary>Ends the server as a crash would (SIGKILL), and waits until it is gone.</summary>
    public async Task KillAsync(CancellationToken cancellationToken = default)
    {
        if (_process is { } process)
        {
            await process.KillAsync(cancellationToken);
        }
    }

    /// <summary>Freezes the server (SIGSTOP): connections stay open, nothing is answered.</summary>
    public async Task SuspendAsync(CancellationToken cancellationToken = default)
    {
        Signals.Stop(ProcessId);
        await Poll.UntilAsync(() => ProcessState.IsStopped(ProcessId), $"process {ProcessId} is stopped", null, cancellationToken);
    }

    /// <summary>Lets a frozen server go on (SIGCONT).</summary>
    public void Resume() => Signals.Continue(ProcessId);

    /// <summary>Ends the server and removes its data folder.</summary>
    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }
    }

    /// <summary>An error that ends with this server's log.</summary>
    internal ServerFailedException Failure(string message) =>
        new($"{message} ({Path.GetFileName(_launch.Program)} on port {Port}){Environment.NewLine}{Tail(Log)}");

    private async ValueTask EndAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            await process.DisposeAsync();
        }
    }

    private static string Tail(string log) => string.Join(Environment.NewLine, log.Split('\n').TakeLast(25));

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        var file = Path.Combine(Folder, "server.conf");
        if (!_launch.RewritesConfiguration || !File.Exists(file))
        {
            await File.WriteAllTextAsync(file, _launch.Configuration(this), cancellationToken);
        }

        await EndAsync();
        string[] argument = _launch.Argument is null ? [] : [_launch.Argument];
        _process = await KeptProcess.StartAsync(Folder, [_launch.Program, file, .. argument], cancellationToken);
        ProcessId = _process.ProcessId;
        try
        {
            await WaitUntilReadyAsync(cancellationToken);
        }
        catch
        {
            await KillAsync(CancellationToken.None);
            throw;
        }
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(StartDeadline);
        while (!await AnswersAsync(deadline.Token))
        {
            if (!IsRunning)
            {
                throw Failure("The server ended before it answered");
            }

            if (deadline.IsCancellationRequested)
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw Failure($"The server did not answer within {StartDeadline.TotalSeconds:0} s");
            }

            await Task.Delay(5, CancellationToken.None);
        }
    }

    /// <summary>Whether this very server answers: another process could have taken the port first.</summary>
    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await RespConnection.OpenAsync(Port, null, cancellationToken);
            return (await connection.ExecuteAsync(["PING"], cancellationToken)).Text == "PONG"
                && ServerInfo.Parse(await connection.ExecuteAsync(["INFO", "server"], cancellationToken))["process_id"]
                    == ProcessId.ToString(CultureInfo.InvariantCulture);
        }
        catch (RespException exception)
        {
            // A server with a password has nothing to say to strangers, but it is there. LOADING passes by itself.
            return exception.Code is "NOAUTH";
        }
        catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException)
        {
            return false;
        }
    }
}
