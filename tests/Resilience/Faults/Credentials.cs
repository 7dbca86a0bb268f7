using Larder.Resilience.Traffic;
using Larder.Tests.Shared;

namespace Larder.Resilience.Faults;

/// <summary>The server's password is changed and all clients are thrown out; the application still has the old one.</summary>
internal sealed class PasswordChanged(ServerKind kind) : ServerFault(kind)
{
    private const string Known = "known-to-the-application";

    protected override ServerOptions Options { get; } = new() { Password = Known };

    public override async Task BreakAsync(Load load)
    {
        await Server.SetPasswordAsync("another");
        await Server.DropClientsAsync();
    }

    public override Task<string?> WitnessAsync() => TryAsync(() => RespConnection.OpenAsync(Server.Port, Known));

    public override Task MendAsync(Load load) => Server.SetPasswordAsync(Known);
}

/// <summary>The same for the user that the application goes by, while the server's other users go on.</summary>
internal sealed class UserChanged(ServerKind kind) : ServerFault(kind)
{
    private const string User = "shop";
    private const string Known = "known-to-the-application";

    public override string ConnectionString => $"{Server.EndPoint},user={User},password={Known}";

    // Or the client would go on as the user that needs no password.
    protected override ServerOptions Options { get; } = new() { Password = "of-the-administrators" };

    public override async Task StartAsync()
    {
        await base.StartAsync();
        await Server.CommandAsync("ACL", "SETUSER", User, "on", $">{Known}", "~*", "&*", "+@all");
    }

    public override async Task BreakAsync(Load load)
    {
        await Server.CommandAsync("ACL", "SETUSER", User, "resetpass", ">another");
        await Server.DropClientsAsync();
    }

    public override Task<string?> WitnessAsync() => TryAsync(async () =>
    {
        var connection = await RespConnection.OpenAsync(Server.Port);
        try
        {
            await connection.ExecuteAsync(["AUTH", User, Known]);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    });

    public override Task MendAsync(Load load) => Server.CommandAsync("ACL", "SETUSER", User, "resetpass", $">{Known}");
}
