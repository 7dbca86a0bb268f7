using System.Net.Sockets;
using Larder.Resilience.Traffic;
using Larder.Tests.Shared;

namespace Larder.Resilience.Faults;

/// <summary>Something that befalls one server of the run's own.</summary>
internal abstract class ServerFault(ServerKind kind) : Fault
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(300);

    protected Server Server { get; private set; } = null!;

    public override string ConnectionString => Server.ConnectionString;

    protected virtual ServerOptions Options { get; } = new();

    public override async Task StartAsync() => Server = await TestServers.StartNewAsync(kind, Options);

    /// <summary>A write as any client would make it, over a connection of its own.</summary>
    public override Task<string?> WitnessAsync() => TryAsync(() => Server.OpenAsync());

    public override ValueTask DisposeAsync() => Server?.DisposeAsync() ?? default;

    protected static async Task<string?> TryAsync(Func<Task<RespConnection>> open)
    {
        try
        {
            await Task.Run(async () =>
            {
                await using var connection = await open();
                await connection.ExecuteAsync(["SET", "witness", "1", "PX", "1000"]);
            }).WaitAsync(Patience);
            return null;
        }
        catch (RespException exception)
        {
            return exception.Code;
        }
        catch (SocketException)
        {
            return "refused";
        }
        catch (TimeoutException)
        {
            return "silent";
        }
    }
}

/// <summary>It is killed and stays away.</summary>
internal sealed class Killed(ServerKind kind) : ServerFault(kind)
{
    public override Task BreakAsync(Load load) => Server.KillAsync();

    public override Task MendAsync(Load load) => Server.RestartAsync();
}

/// <summary>It is killed and started again at once, every two seconds.</summary>
internal sealed class Restarted(ServerKind kind) : ServerFault(kind)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    private int _restarts;

    public override Task BreakAsync(Load load) => RestartAsync();

    public override async Task HoldAsync(TimeSpan time)
    {
        for (; time > Pause; time -= Pause)
        {
            await Task.Delay(Pause);
            await RestartAsync();
        }

        await Task.Delay(time);
    }

    public override Task<string?> WitnessAsync() => Task.FromResult<string?>($"{_restarts + 1} restarts");

    public override Task MendAsync(Load load) => RestartAsync();

    private Task RestartAsync()
    {
        _restarts++;
        return Server.RestartAsync();
    }
}

/// <summary>It is frozen: connections stay open, and nothing is answered.</summary>
internal sealed class Stopped(ServerKind kind) : ServerFault(kind)
{
    public override Task BreakAsync(Load load) => Server.SuspendAsync();

    public override Task MendAsync(Load load)
    {
        Server.Resume();
        return Task.CompletedTask;
    }
}

/// <summary>Its memory is full, and it evicts nothing.</summary>
internal sealed class OutOfMemory(ServerKind kind) : ServerFault(kind)
{
    public override Task BreakAsync(Load load) => Server.LimitMemoryAsync(1);

    public override Task MendAsync(Load load) => Server.LimitMemoryAsync(0);
}

/// <summary>It has become a replica: it answers reads and refuses writes.</summary>
internal sealed class ReadOnly(ServerKind kind) : ServerFault(kind)
{
    public override Task BreakAsync(Load load) => Server.SetReadOnlyAsync(true);

    public override Task MendAsync(Load load) => Server.SetReadOnlyAsync(false);
}

/// <summary>It is not there when the application starts.</summary>
internal sealed class RefusedAtStart(ServerKind kind) : ServerFault(kind)
{
    public override bool IsThereAtStart => true;

    public override Task BreakAsync(Load load) => Server.KillAsync();

    public override Task MendAsync(Load load) => Server.RestartAsync();
}

/// <summary>All its keys are removed, four times a second: values, leases and stamps.</summary>
internal sealed class Flushed(ServerKind kind) : ServerFault(kind)
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(250);

    private int _flushes;

    public override Task BreakAsync(Load load) => FlushAsync();

    public override async Task HoldAsync(TimeSpan time)
    {
        for (; time > TimeSpan.Zero; time -= Step)
        {
            await Task.Delay(Step);
            await FlushAsync();
        }
    }

    public override Task<string?> WitnessAsync() => Task.FromResult<string?>($"{_flushes} flushes");

    public override Task MendAsync(Load load) => Task.CompletedTask;

    private Task FlushAsync()
    {
        _flushes++;
        return Server.FlushAsync();
    }
}
