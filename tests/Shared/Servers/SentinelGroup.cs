using System.Diagnostics;
using System.Globalization;

namespace Larder.Tests.Shared;

/// <summary>A Redis master and its replica, watched by three sentinels.</summary>
public sealed class SentinelGroup : ITestServer
{
    /// <summary>The name under which the sentinels know the master.</summary>
    public const string ServiceName = "larder";

    private const int SentinelCount = 3;

    private static readonly TimeSpan FailoverAttempt = TimeSpan.FromSeconds(10);

    private readonly Server[] _servers;
    private readonly ServerProcess[] _sentinels;

    private SentinelGroup(Server[] servers, ServerProcess[] sentinels)
    {
        _servers = servers;
        _sentinels = sentinels;
    }

    /// <inheritdoc/>
    public ServerKind Kind => ServerKind.Sentinel;

    /// <summary>Both data servers, a dead one included; the first began as the master.</summary>
    public IReadOnlyList<Server> Servers => _servers;

    /// <summary>The sentinels' processes.</summary>
    public IReadOnlyList<ServerProcess> Sentinels => _sentinels;

    /// <summary>Names the sentinels and the service, not the servers.</summary>
    public string ConnectionString =>
        string.Join(',', _sentinels.Select(sentinel => $"127.0.0.1:{Text(sentinel.Port)}")) + $",serviceName={ServiceName}";

    /// <summary>Starts everything and waits until each sentinel knows the others and the replica, and that is in step.</summary>
    public static async Task<SentinelGroup> StartAsync(CancellationToken cancellationToken = default)
    {
        var program = ServerBinary.Find(ServerKind.Sentinel);
        var options = new ServerOptions { Lines = ["repl-diskless-sync yes", "repl-diskless-sync-delay 0"] };
        var group = new SentinelGroup(
            await ServerGroup.StartAsync(2, _ => Server.StartAsync(ServerKind.Redis, options, cancellationToken)), new ServerProcess[SentinelCount]);
        try
        {
            var master = group._servers[0];
            await group._servers[1].CommandAsync(["REPLICAOF", "127.0.0.1", Text(master.Port)], cancellationToken);
            var launch = new ServerLaunch(program, process => Configuration(process, master.Port)) { Argument = "--sentinel", RewritesConfiguration = true };
            var sentinels = await ServerGroup.StartAsync(SentinelCount, _ => ServerProcess.StartAsync(launch, cancellationToken));
            sentinels.CopyTo(group._sentinels, 0);
            foreach (var sentinel in sentinels)
            {
                await HurryAsync(sentinel, cancellationToken);
            }

            await group.WaitUntilHealthyAsync(cancellationToken);
            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <summary>The master, as the first living sentinel sees it.</summary>
    public async Task<Server> MasterAsync(CancellationToken cancellationToken = default)
    {
        var address = await AskAsync(_sentinels.First(sentinel => sentinel.IsRunning), ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", ServiceName], cancellationToken);
        return _servers.First(server => Text(server.Port) == address.Texts[1]);
    }

    /// <summary>The server that is not the master.</summary>
    public async Task<Server> ReplicaAsync(CancellationToken cancellationToken = default)
    {
        var master = await MasterAsync(cancellationToken);
        return _servers.First(server => server != master);
    }

    /// <summary>Has the sentinels promote the replica while the master lives, and waits until all is in step again.</summary>
    /// <returns>The new master, known as such by every living sentinel.</returns>
    public async Task<Server> FailoverAsync(CancellationToken cancellationToken = default)
    {
        var replica = await ReplicaAsync(cancellationToken);
        // Sentinels do not ask whether the replica has everything. Without this, what was written just before would be lost.
        await WaitUntilHealthyAsync(cancellationToken);
        var asked = default(long?);
        await Poll.UntilAsync(
            async () =>
            {
                if (await MasterAsync(cancellationToken) == replica)
                {
                    return true;
                }

                // Refused while they still wind up an earlier failover. One that a busy machine holds up for longer than its timeout they give up, each of its steps for itself.
                if ((asked is null || Stopwatch.GetElapsedTime(asked.Value) > FailoverAttempt) && await TryFailoverAsync(cancellationToken))
                {
                    asked = Stopwatch.GetTimestamp();
                }

                return false;
            },
            $"the sentinels promote {replica.EndPoint}",
            TimeSpan.FromSeconds(60),
            cancellationToken);
        await WaitForMasterAsync(replica, cancellationToken);
        await WaitUntilHealthyAsync(cancellationToken);
        return replica;
    }

    /// <summary>Kills the master and waits until the replica is promoted. <see cref="RestoreAsync"/> brings the dead one back.</summary>
    /// <returns>The new master, known as such by every living sentinel.</returns>
    public async Task<Server> KillMasterAsync(CancellationToken cancellationToken = default)
    {
        var replica = await ReplicaAsync(cancellationToken);
        await (await MasterAsync(cancellationToken)).KillAsync(cancellationToken);
        await WaitForMasterAsync(replica, cancellationToken);
        return replica;
    }

    /// <summary>Starts what is dead again and waits until all is in step. The master stays where it is.</summary>
    public async Task RestoreAsync(CancellationToken cancellationToken = default)
    {
        foreach (var server in _servers.Where(server => !server.Process.IsRunning))
        {
            await server.Process.RestartAsync(cancellationToken: cancellationToken);
        }

        await RestoreSentinelsAsync(cancellationToken);
        await WaitUntilHealthyAsync(cancellationToken);
    }

    /// <summary>Starts the sentinels that are dead again. Should the master be dead, they make the replica one.</summary>
    public async Task RestoreSentinelsAsync(CancellationToken cancellationToken = default)
    {
        foreach (var sentinel in _sentinels.Where(sentinel => !sentinel.IsRunning))
        {
            await sentinel.RestartAsync(cancellationToken: cancellationToken);
        }

        foreach (var sentinel in _sentinels)
        {
            await HurryAsync(sentinel, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public async Task FlushAsync(CancellationToken cancellationToken = default) =>
        await (await MasterAsync(cancellationToken)).FlushAsync(cancellationToken);

    /// <inheritdoc/>
    /// <remarks>A write counts twice: at the master and at its replica.</remarks>
    public async Task<CommandCounts> CountCommandsAsync(CancellationToken cancellationToken = default) =>
        CommandCounts.Sum(await Task.WhenAll(
            _servers.Where(server => server.Process.IsRunning).Select(server => server.CountCommandsAsync(cancellationToken))));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // The sentinels first, or they would begin to fail over what is being ended.
        await ServerGroup.EndAsync(_sentinels.Where(sentinel => sentinel is not null));
        await ServerGroup.EndAsync(_servers);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Configuration(ServerProcess process, int masterPort) => string.Join('\n',
    [
        $"port {process.Port}",
        "bind 127.0.0.1",
        $"dir {process.Folder}",
        $"sentinel monitor {ServiceName} 127.0.0.1 {masterPort} 2",
        // On a busy machine a healthy master may be silent for a second: that must not cost it its place.
        $"sentinel down-after-milliseconds {ServiceName} 2000",
        // Also the pause after a failover, doubled, before the next one may begin.
        $"sentinel failover-timeout {ServiceName} 3000",
        "",
    ]);

    private static async Task<RespValue> AskAsync(ServerProcess sentinel, string[] command, CancellationToken cancellationToken)
    {
        await using var connection = await RespConnection.OpenAsync(sentinel.Port, null, cancellationToken);
        return await connection.ExecuteAsync(command, cancellationToken);
    }

    /// <summary>Shortens the rounds in which a sentinel looks around, from ten and two seconds.</summary>
    private static async Task HurryAsync(ServerProcess sentinel, CancellationToken cancellationToken)
    {
        try
        {
            await AskAsync(sentinel, ["SENTINEL", "DEBUG", "INFO-PERIOD", "500", "PUBLISH-PERIOD", "200"], cancellationToken);
        }
        catch (RespException)
        {
            // Servers older than version 7 have no such setting: all is slower there, and nothing else.
        }
    }

    private async Task<bool> TryFailoverAsync(CancellationToken cancellationToken)
    {
        try
        {
            await AskAsync(_sentinels.First(sentinel => sentinel.IsRunning), ["SENTINEL", "FAILOVER", ServiceName], cancellationToken);
            return true;
        }
        catch (RespException exception) when (exception.Code is "INPROG" or "NOGOODSLAVE")
        {
            return false;
        }
    }

    private Task WaitForMasterAsync(Server master, CancellationToken cancellationToken) =>
        EverySentinelAsync(
            async sentinel => (await AskAsync(sentinel, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", ServiceName], cancellationToken)).Texts[1] == Text(master.Port)
                && (await master.InfoAsync("replication", cancellationToken))["role"] == "master",
            $"{master.EndPoint} is the master for every sentinel",
            cancellationToken);

    private Task WaitUntilHealthyAsync(CancellationToken cancellationToken) =>
        EverySentinelAsync(
            async sentinel =>
            {
                var fields = (await AskAsync(sentinel, ["SENTINEL", "MASTER", ServiceName], cancellationToken)).Texts;
                var master = fields.Chunk(2).ToDictionary(pair => pair[0]!, pair => pair[1]!);
                var replica = _servers.First(server => Text(server.Port) != master["port"]);
                return master["flags"] == "master" && master["num-slaves"] == "1" && master["num-other-sentinels"] == "2"
                    && await ServerGroup.IsInStepAsync(_servers.First(server => server != replica), replica, cancellationToken);
            },
            "every sentinel knows the others, a healthy master and its replica in step",
            cancellationToken);

    private Task EverySentinelAsync(Func<ServerProcess, Task<bool>> condition, string what, CancellationToken cancellationToken) =>
        ServerGroup.SettledAsync(() => _sentinels.Where(sentinel => sentinel.IsRunning), condition, what, cancellationToken);
}
