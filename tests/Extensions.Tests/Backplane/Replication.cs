using System.Globalization;
using Larder.Tests.Shared;

namespace Larder.Tests.Backplane;

/// <summary>Makes one server the replica of another.</summary>
internal static class Replication
{
    public static async Task FollowAsync(Server replica, Server master)
    {
        await replica.CommandAsync("REPLICAOF", "127.0.0.1", master.Port.ToString(CultureInfo.InvariantCulture));
        await Poll.UntilAsync(async () => (await replica.InfoAsync("replication")).GetValueOrDefault("master_link_status") == "up", "the replica follows");
    }
}
