using System.Globalization;
using Larder.Tests.Shared;

namespace Larder.Tests;

/// <summary>The environment variables with which the sample finds its second level.</summary>
internal static class Backend
{
    public static readonly IReadOnlyDictionary<string, string> Memory = new Dictionary<string, string> { ["CACHE_BACKEND"] = "memory" };

    public static Dictionary<string, string> Redis(Server server) => new() { ["REDIS_URL"] = $"redis://{server.EndPoint}" };

    public static Dictionary<string, string> Valkey(Server server) => new()
    {
        ["VALKEY_HOST"] = "127.0.0.1",
        ["VALKEY_PORT"] = server.Port.ToString(CultureInfo.InvariantCulture),
    };
}
