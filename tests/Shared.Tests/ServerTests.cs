using Xunit;

namespace Larder.Tests.Shared.Tests;

public abstract class ServerContract(ServerKind kind)
{
    private static readonly string[] Write = ["SET", "key", "value"];

    [ContractFact]
    public async Task Starts_answers_and_takes_its_data_folder_with_it()
    {
        var server = await TestServers.StartNewAsync(kind);
        await server.CommandAsync(Write);
        Assert.Equal("value", (await server.CommandAsync("GET", "key")).Text);
        Assert.True(Directory.Exists(server.Process.Folder));

        await server.DisposeAsync();

        Assert.False(ProcessState.IsAlive(server.Process.ProcessId));
        Assert.False(Directory.Exists(server.Process.Folder));
    }

    [ContractFact]
    public async Task Restarts_on_its_port_and_only_a_persistent_one_keeps_its_data()
    {
        foreach (var persistent in (bool[])[false, true])
        {
            await using var server = await TestServers.StartNewAsync(kind, new ServerOptions { Persistent = persistent });
            await server.CommandAsync(Write);
            var before = (server.Port, server.Process.ProcessId);

            await server.KillAsync();
            Assert.False(ProcessState.IsAlive(before.ProcessId));
            await server.RestartAsync();

            Assert.Equal(before.Port, server.Port);
            Assert.NotEqual(before.ProcessId, server.Process.ProcessId);
            Assert.Equal(persistent ? "value" : null, (await server.CommandAsync("GET", "key")).Text);

            await server.RestartAsync(freshData: true);
            Assert.Null((await server.CommandAsync("GET", "key")).Text);
        }
    }

    [ContractFact]
    public async Task Suspended_it_answers_nothing_until_it_goes_on()
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await using var connection = await server.OpenAsync();

        await server.SuspendAsync();
        var answer = connection.ExecuteAsync(["PING"]);
        Assert.NotSame(answer, await Task.WhenAny(answer, Task.Delay(200)));
        server.Resume();

        Assert.Equal("PONG", (await answer).Text);
    }

    [ContractFact]
    public async Task Suspended_it_can_still_be_ended()
    {
        var server = await TestServers.StartNewAsync(kind);
        await server.SuspendAsync();
        await server.DisposeAsync();
        Assert.False(ProcessState.IsAlive(server.Process.ProcessId));
    }

    [ContractFact]
    public async Task Flush_removes_all_keys()
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await server.CommandAsync(Write);
        await server.FlushAsync();
        Assert.Equal(0, (await server.CommandAsync("DBSIZE")).Number);
    }

    [ContractFact]
    public async Task Read_only_it_serves_reads_and_refuses_writes()
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await server.CommandAsync(Write);

        await server.SetReadOnlyAsync(true);
        Assert.Equal("READONLY", await CodeOfWriteAsync(server));
        Assert.Equal("value", (await server.CommandAsync("GET", "key")).Text);

        await server.SetReadOnlyAsync(false);
        Assert.Null(await CodeOfWriteAsync(server));
    }

    [ContractFact]
    public async Task Without_replicas_it_refuses_writes_but_stays_a_master()
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await server.SetNoReplicasAsync(true);
        Assert.Equal("NOREPLICAS", await CodeOfWriteAsync(server));
        Assert.Equal("master", (await server.InfoAsync("replication"))["role"]);

        await server.SetNoReplicasAsync(false);
        Assert.Null(await CodeOfWriteAsync(server));
    }

    [ContractFact]
    public async Task Full_it_refuses_writes_until_the_limit_goes()
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await server.LimitMemoryAsync(1);
        Assert.Equal("OOM", await CodeOfWriteAsync(server));

        await server.LimitMemoryAsync(0);
        Assert.Null(await CodeOfWriteAsync(server));
    }

    [ContractFact]
    public async Task A_password_keeps_strangers_out_over_restarts()
    {
        await using var server = await TestServers.StartNewAsync(kind, new ServerOptions { Password = "first" });
        Assert.Null(await CodeOfWriteAsync(server));

        await server.SetPasswordAsync("second");
        await server.RestartAsync();

        Assert.EndsWith(",password=second", server.ConnectionString, StringComparison.Ordinal);
        Assert.Null(await CodeOfWriteAsync(server));
        await using var stranger = await RespConnection.OpenAsync(server.Port);
        Assert.Equal("NOAUTH", (await Assert.ThrowsAsync<RespException>(() => stranger.ExecuteAsync(Write))).Code);
    }

    [ContractFact]
    public async Task Counts_what_applications_send()
    {
        await using var server = await TestServers.StartNewAsync(kind);
        var before = await server.CountCommandsAsync();
        await server.CommandAsync(Write);
        await server.CommandAsync(Write);
        await server.CommandAsync("PING");
        await server.CommandAsync("SCRIPT", "EXISTS", "none");

        var calls = (await server.CountCommandsAsync()).Since(before);

        Assert.Equal(2, calls["set"]);
        Assert.Equal(1, calls["script"]);
        Assert.Equal(0, calls["get"]);
        Assert.Equal(3, calls.Total);
    }

    [ContractFact]
    public async Task Dropped_clients_find_their_connection_closed()
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await using var connection = await server.OpenAsync();
        await connection.ExecuteAsync(["PING"]);
        await server.DropClientsAsync();
        await Assert.ThrowsAnyAsync<IOException>(() => connection.ExecuteAsync(["PING"]));
    }

    [ContractFact]
    public async Task A_start_that_fails_says_why()
    {
        var options = new ServerOptions { Lines = ["no-such-setting yes"] };
        var failure = await Assert.ThrowsAsync<ServerFailedException>(() => TestServers.StartNewAsync(kind, options));
        Assert.Contains("no-such-setting", failure.Message, StringComparison.Ordinal);
    }

    private static async Task<string?> CodeOfWriteAsync(Server server)
    {
        try
        {
            await server.CommandAsync(Write);
            return null;
        }
        catch (RespException exception)
        {
            return exception.Code;
        }
    }
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisServerTests() : ServerContract(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyServerTests() : ServerContract(ServerKind.Valkey);
