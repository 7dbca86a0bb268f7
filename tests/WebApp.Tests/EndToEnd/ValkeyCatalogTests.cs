using Larder.Tests.Shared;

namespace Larder.Tests;

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyCatalogTests : ServerCatalogContract
{
    private protected override async Task<IReadOnlyDictionary<string, string>> SettingsAsync() => Backend.Valkey(await TestServers.ValkeyAsync());
}
