using System.Threading.Channels;
using Larder.Backplane;
using Larder.Consistency.Levels;
using Larder.Consistency.Nodes;

namespace Larder.Consistency.Faults;

/// <summary>What goes wrong around one node, in its own process: slow answers, late, lost and reordered messages.</summary>
internal sealed class NodeChaos(NodeSettings settings)
{
    private readonly Channel<(Action Pass, long Due)> _late = Channel.CreateUnbounded<(Action Pass, long Due)>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Lock _receiving = new();
    private long _dropUntil;
    private long _reorderUntil;

    /// <summary>For so long every second batch that arrives is lost, the node's own included.</summary>
    public void Drop(TimeSpan time) => Volatile.Write(ref _dropUntil, Environment.TickCount64 + (long)time.TotalMilliseconds);

    /// <summary>For so long batches overtake each other on the way.</summary>
    public void Reorder(TimeSpan time) => Volatile.Write(ref _reorderUntil, Environment.TickCount64 + (long)time.TotalMilliseconds);

    public void Attach(HookedSecondLevel level, HookedTransport transport)
    {
        if (settings.LevelDelay > TimeSpan.Zero)
        {
            level.Before = (_, _) => HoldUpAsync();
            level.After = (_, _) => HoldUpAsync();
        }

        transport.Receiving = Receive;
        _ = Task.Run(PassLateAsync);
    }

    // One call in sixteen is slow: enough to open every gap, and the others keep up the pace.
    private Task HoldUpAsync() => Random.Shared.Next(16) == 0 ? Task.Delay(Random.Shared.Next((int)settings.LevelDelay.TotalMilliseconds + 1)) : Task.CompletedTask;

    private void Receive(BackplaneBatch batch, Action pass)
    {
        var now = Environment.TickCount64;
        if (now < Volatile.Read(ref _dropUntil) && Random.Shared.Next(2) == 0)
        {
            return;
        }

        if (now < Volatile.Read(ref _reorderUntil))
        {
            _ = PassLaterAsync(pass);
        }
        else
        {
            var delay = Random.Shared.Next(4) == 0 ? Random.Shared.Next((int)settings.BackplaneDelay.TotalMilliseconds + 1) : 0;
            _late.Writer.TryWrite((pass, now + delay));
        }
    }

    private async Task PassLaterAsync(Action pass)
    {
        await Task.Delay(Random.Shared.Next(80));
        Pass(pass);
    }

    // In order: what is late makes what comes behind it late too. The delays of several do not add up.
    private async Task PassLateAsync()
    {
        await foreach (var (pass, due) in _late.Reader.ReadAllAsync())
        {
            if (due - Environment.TickCount64 is > 0 and var left)
            {
                await Task.Delay((int)left);
            }

            Pass(pass);
        }
    }

    private void Pass(Action pass)
    {
        lock (_receiving)
        {
            pass();
        }
    }
}
