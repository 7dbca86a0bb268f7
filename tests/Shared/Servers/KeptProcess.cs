using System.Diagnostics;
using System.Globalization;

namespace Larder.Tests.Shared;

/// <summary>A program that lives as long as this process at most. See <c>keeper.sh</c> for why it does not outlive it, however that ends.</summary>
public sealed class KeptProcess : IAsyncDisposable
{
    private static readonly string Keeper = ReadKeeper();

    private readonly Process _keeper;
    private readonly string _logFile;

    private KeptProcess(Process keeper, string logFile) => (_keeper, _logFile) = (keeper, logFile);

    /// <summary>The program's own process id.</summary>
    public int ProcessId { get; private set; }

    /// <summary>Whether it has not ended.</summary>
    public bool IsRunning => !_keeper.HasExited;

    /// <summary>Everything it has written so far.</summary>
    public string Log => File.Exists(_logFile) ? File.ReadAllText(_logFile) : "";

    /// <summary>Starts a program, found as the shell finds it.</summary>
    /// <param name="folder">Where it runs and what it writes is kept. Removed if this process ends first.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="cancellationToken">Ends the wait for its start.</param>
    public static async Task<KeptProcess> StartAsync(string folder, IEnumerable<string> command, CancellationToken cancellationToken = default)
    {
        var logFile = Path.Combine(folder, "server.log");
        File.Delete(logFile);
        var start = new ProcessStartInfo("/bin/sh")
        {
            ArgumentList = { "-c", Keeper, "keeper", folder },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = folder,
        };
        foreach (var part in command)
        {
            start.ArgumentList.Add(part);
        }

        var process = new KeptProcess(Process.Start(start)!, logFile);
        try
        {
            var line = await process._keeper.StandardOutput.ReadLineAsync(cancellationToken);
            process.ProcessId = int.Parse(line ?? throw new ServerFailedException($"The keeper ended at once: {start.ArgumentList[4]}"), CultureInfo.InvariantCulture);
            return process;
        }
        catch
        {
            process._keeper.StandardInput.Close();
            process._keeper.Dispose();
            throw;
        }
    }

    /// <summary>Ends it as a crash would (SIGKILL), and waits until it is gone.</summary>
    public async Task KillAsync(CancellationToken cancellationToken = default)
    {
        if (!_keeper.HasExited)
        {
            Signals.Kill(ProcessId);
        }

        await _keeper.WaitForExitAsync(cancellationToken);
    }

    /// <summary>Ends it.</summary>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _keeper.Dispose();
    }

    private static string ReadKeeper()
    {
        using var stream = typeof(KeptProcess).Assembly.GetManifestResourceStream("keeper.sh")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
