namespace Larder.Tests;

public sealed class MemoryCatalogTests : CatalogContract
{
    protected override string SecondLevel => "memory";

    private protected override Task<IReadOnlyDictionary<string, string>> SettingsAsync() => Task.FromResult(Backend.Memory);
}
