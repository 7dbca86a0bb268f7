using System.Diagnostics;
using System.Globalization;
using Larder.Resilience.Traffic;
using Larder.Tests.Shared;

namespace Larder.Resilience.Faults;

/// <summary>Every answer of the server comes late.</summary>
internal sealed class Slow(ServerKind kind, TimeSpan delay) : ServerFault(kind)
{
    private ChaosProxy? _proxy;

    public override string ConnectionString => _proxy!.EndPoint;

    public override async Task StartAsync()
    {
        await base.StartAsync();
        _proxy = ChaosProxy.Start(Server);
    }

    public override Task BreakAsync(Load load)
    {
        _proxy!.DelayToClient = delay;
        return Task.CompletedTask;
    }

    public override async Task<string?> WitnessAsync()
    {
        await using var connection = await RespConnection.OpenAsync(_proxy!.Port);
        var from = Stopwatch.GetTimestamp();
        await connection.ExecuteAsync(["PING"]);
        var took = Stopwatch.GetElapsedTime(from);

        // Timers are coarse and may be a little early; without the fault a PING takes no time at all.
        return took < delay / 2 ? null : string.Create(CultureInfo.InvariantCulture, $"a PING takes {took.TotalMilliseconds:0} ms");
    }

    public override Task MendAsync(Load load)
    {
        _proxy!.DelayToClient = TimeSpan.Zero;
        return Task.CompletedTask;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }

        await base.DisposeAsync();
    }
}
