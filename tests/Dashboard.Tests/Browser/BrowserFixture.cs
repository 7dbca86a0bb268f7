using Microsoft.Playwright;
using Xunit;

namespace Larder.Tests;

/// <summary>One browser for all tests that need it, which run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class BrowserFixture : ICollectionFixture<BrowserFixture>, IAsyncLifetime
{
    public const string Name = "browser";

    private IPlaywright? _playwright;

    internal IBrowser Browser { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        if (BrowserBinary.SkipReason is not null)
        {
            return;
        }

        var path = BrowserBinary.Find();
        _playwright = await Playwright.CreateAsync();
        Browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = path,

            // As root, in a container: pages are ours. Nothing of what a browser does besides.
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
            Timeout = 120_000,
        });
    }

    public async Task DisposeAsync()
    {
        if (Browser is not null)
        {
            await Browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }
}
