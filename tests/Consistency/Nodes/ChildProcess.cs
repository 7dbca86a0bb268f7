using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace Larder.Consistency.Nodes;

/// <summary>This program, started as a process of its own and spoken to line by line.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly HashSet<string> _said = [];
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();

    public ChildProcess(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { "exec", typeof(ChildProcess).Assembly.Location },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // Several of these on one machine: a thread per core and heap in each would fight the others.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        _process = Starter.Start(start);
        _ = ReadAsync();
    }

    /// <summary>The latest number after <c>ops</c> that the child has reported.</summary>
    public long Operations { get; private set; }

    /// <summary>Whether it has said a line that begins so, read or not.</summary>
    public bool HasSaid(string word)
    {
        lock (_said)
        {
            return _said.Contains(word);
        }
    }

    /// <summary>Called in a child, so that it does not outlive its parent, however that ends; also not when it stands still.</summary>
    public static void DieWithParent()
    {
        if (OperatingSystem.IsLinux())
        {
            const int SetParentDeathSignal = 1;
            const int Kill = 9;
            _ = ProcessControl(SetParentDeathSignal, Kill, 0, 0, 0);
        }
    }

    public async Task SayAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>The rest of the next line that begins so.</summary>
    public async Task<string> HearAsync(string word, TimeSpan? within = null)
    {
        using var patience = new CancellationTokenSource(within ?? Patience);
        try
        {
            await foreach (var line in _lines.Reader.ReadAllAsync(patience.Token))
            {
                if (line == word || line.StartsWith(word + " ", StringComparison.Ordinal))
                {
                    return line[word.Length..].Trim();
                }
            }
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"A node process did not say '{word}'.");
        }

        throw new InvalidOperationException($"A node process ended with code {(_process.HasExited ? _process.ExitCode : -1)} before it said '{word}'.");
    }

    /// <summary>SIGSTOP.</summary>
    public Task SuspendAsync() => SignalAsync("STOP");

    /// <summary>SIGCONT.</summary>
    public Task ResumeAsync() => SignalAsync("CONT");

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("ops ", StringComparison.Ordinal))
            {
                Operations = long.Parse(line.AsSpan(4), CultureInfo.InvariantCulture);
            }
            else
            {
                lock (_said)
                {
                    _said.Add(line.Split(' ')[0]);
                }

                _lines.Writer.TryWrite(line);
            }
        }

        _lines.Writer.Complete();
    }

    [DllImport("libc", EntryPoint = "prctl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ProcessControl(int option, ulong second, ulong third, ulong fourth, ulong fifth);
}
