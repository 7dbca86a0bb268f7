using StackExchange.Redis;

namespace Larder;

/// <summary>A server that Larder is to connect to.</summary>
/// <param name="Configuration">How.</param>
/// <param name="Backend"><c>redis</c> or <c>valkey</c>, as it was called where it was named. The two are used alike.</param>
/// <param name="Source">Which setting names it.</param>
internal sealed record ServerChoice(ConfigurationOptions Configuration, string Backend, string Source)
{
    /// <exception cref="FormatException">The address is none; the message names the setting and shows no password.</exception>
    public static ServerChoice Parse(string address, string setting, bool isValkey = false) =>
        new(ServerAddress.Parse(address, setting), isValkey || address.TrimStart().StartsWith("valkey", StringComparison.OrdinalIgnoreCase) ? "valkey" : "redis", setting);
}
