using StackExchange.Redis;

namespace Larder;

/// <summary>Which server there is, if any: from code, the configuration section, or the environment.</summary>
internal sealed class ServerSettings
{
    /// <summary>A connection the application owns; Larder does not close it.</summary>
    public Func<IServiceProvider, Task<IConnectionMultiplexer>>? Connect { get; set; }

    /// <summary>A connection of Larder's own.</summary>
    public ServerChoice? Choice { get; set; }
}
