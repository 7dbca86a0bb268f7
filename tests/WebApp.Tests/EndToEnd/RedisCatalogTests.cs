using Larder.Tests.Shared;

namespace Larder.Tests;

[NeedsServer(ServerKind.Redis)]
public sealed class RedisCatalogTests : ServerCatalogContract
{
    private protected override async Task<IReadOnlyDictionary<string, string>> SettingsAsync() => Backend.Redis(await TestServers.RedisAsync());
}
