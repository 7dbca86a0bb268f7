using System.Globalization;
using System.Text.Json;
using Larder.Consistency.Checking;

namespace Larder.Consistency.Nodes;

/// <summary>A node that is a process of its own.</summary>
internal sealed class RemoteNode(NodeSettings settings, int number, string sourceFile) : NodeHandle
{
    private readonly ChildProcess _process = new("node", JsonSerializer.Serialize(settings), number.ToString(CultureInfo.InvariantCulture), sourceFile);

    public override int Number => number;

    public override long Operations => _process.Operations;

    public override Task ReadyAsync() => _process.HearAsync("ready");

    public override Task StartAsync() => _process.SayAsync("start");

    public override async Task StopAsync()
    {
        await _process.SayAsync("stop");
        await _process.HearAsync("stopped", TimeSpan.FromMinutes(2));
    }

    public override async Task ReadAllAsync()
    {
        await _process.SayAsync("read");
        await _process.HearAsync("done");
    }

    public override async Task<History> CollectAsync()
    {
        var file = Path.GetTempFileName();
        try
        {
            await _process.SayAsync($"save {file}");
            await _process.HearAsync("saved");
            return History.Load(file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    public override Task DropAsync(TimeSpan time) => _process.SayAsync(string.Create(CultureInfo.InvariantCulture, $"drop {time.TotalMilliseconds}"));

    public override Task ReorderAsync(TimeSpan time) => _process.SayAsync(string.Create(CultureInfo.InvariantCulture, $"reorder {time.TotalMilliseconds}"));

    /// <summary>SIGSTOP, for so long.</summary>
    public async Task PauseAsync(TimeSpan time)
    {
        await _process.SuspendAsync();
        await Task.Delay(time);
        await _process.ResumeAsync();
    }

    /// <summary>SIGKILL. What it did and saw is lost with it.</summary>
    public Task KillAsync() => _process.KillAsync();

    public override ValueTask DisposeAsync() => _process.DisposeAsync();
}
