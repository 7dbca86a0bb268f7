using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Larder.Tests;

/// <summary>The page on a phone, in the dark, and with names that mean harm.</summary>
[Collection(BrowserFixture.Name)]
public sealed class LooksTests(BrowserFixture browser)
{
    private const string Markup = "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'>\"'`${1}</td>";
    private const string Reversed = "\u202Egnp.exe\u2066 \u05D0\u05D1 \u200Fend";

    private static readonly string Long = "start-" + new string('x', 10_000) + "-end";

    [BrowserTheory]
    [InlineData(360, 740, true, ColorScheme.Light)]
    [InlineData(360, 740, true, ColorScheme.Dark)]
    [InlineData(768, 1024, false, ColorScheme.Dark)]
    [InlineData(1400, 900, false, ColorScheme.Dark)]
    public async Task Nothing_is_wider_than_the_screen(int width, int height, bool isPhone, ColorScheme scheme)
    {
        await using var app = await DashboardPageTests.StartAsync();
        foreach (var name in (string[])["acme", Long, Reversed])
        {
            await Traffic.ReadAsync(app, new CacheScope(name, name, name), 5, 1, name);
        }

        await using var open = await OpenPage.OpenAsync(browser, app, width, height, scheme, isPhone);
        await Expect(open.Page.Locator("#tenant-table tbody tr")).ToHaveCountAsync(3);
        await Expect(open.Page.Locator("#hit-rate polyline").First).ToBeAttachedAsync();

        Assert.Equal(width, await open.Page.EvaluateAsync<int>("Math.max(document.documentElement.scrollWidth, window.innerWidth)"));
        var light = await open.Page.EvaluateAsync<int>("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])");
        Assert.True(scheme == ColorScheme.Dark ? light < 60 : light > 200, $"The background's red is {light}.");
        await open.KeepPictureAsync($"{width}-{scheme}".ToLowerInvariant());
    }

    [BrowserFact]
    public async Task Names_that_mean_harm_are_text()
    {
        await using var app = await DashboardPageTests.StartAsync();
        foreach (var name in (string[])[Markup, Reversed, Long])
        {
            await Traffic.ReadAsync(app, new CacheScope(name, null, name), 5, 1, name);
        }

        await using var open = await OpenPage.OpenAsync(browser, app);
        foreach (var name in (string[])[Markup, Reversed, Long])
        {
            using (CacheScope.Use(new CacheScope(name, null, name)))
            {
                await app.Cache.RemoveByTagAsync(name);
            }
        }

        var page = open.Page;
        await Expect(page.Locator("#tenant-table tbody tr")).ToHaveCountAsync(3);
        await Expect(page.Locator("#invalidation-table tbody tr")).ToHaveCountAsync(3);
        await Expect(page.Locator("#tenant-table bdi", new() { HasText = Markup })).ToHaveTextAsync(Markup);
        await Expect(page.Locator("#invalidation-table bdi", new() { HasText = "u{202e}" }).First).ToContainTextAsync("\\u{202e}gnp.exe\\u{2066}");
        Assert.False(await page.EvaluateAsync<bool>("'harmed' in window"));
        Assert.Equal(0, await page.EvaluateAsync<int>("document.querySelectorAll('main img, main script').length"));

        // Cut, and whole on request.
        var details = page.Locator("#tenant-table details", new() { HasText = "start-" });
        Assert.True((await details.Locator("summary bdi").TextContentAsync())!.Length < 100);
        await Expect(details.Locator(".whole")).ToBeHiddenAsync();
        await details.Locator("summary").ClickAsync();
        await Expect(details.Locator(".whole")).ToHaveTextAsync(Long);
        await open.KeepPictureAsync("hostile");

        // The one that is meant is cleared, whatever it is called.
        await page.GetByRole(AriaRole.Button, new() { Name = "Clear tenant <script>" }).ClickAsync();
        await Expect(page.Locator("#confirm bdi.whole")).ToHaveTextAsync(Markup);
        await open.ConfirmAsync();
        await Expect(open.Outcome).ToContainTextAsync("removed");
    }

    [BrowserFact]
    public async Task A_value_is_shown_where_that_is_allowed()
    {
        await using var app = await DashboardPageTests.StartAsync(allowValues: true);
        await app.Cache.SetAsync("k", Markup);
        await using var open = await OpenPage.OpenAsync(browser, app);
        await open.FillAsync(("key", "k"));
        await open.Page.Locator("#find").ClickAsync();

        await Expect(open.Page.Locator("#entry pre")).ToHaveTextAsync(Markup);
        Assert.False(await open.Page.EvaluateAsync<bool>("'harmed' in window"));
    }

    [BrowserFact]
    public async Task No_value_is_shown_where_that_is_not_allowed()
    {
        await using var app = await DashboardPageTests.StartAsync();
        await app.Cache.SetAsync("k", "a secret");
        await using var open = await OpenPage.OpenAsync(browser, app);
        await open.FillAsync(("key", "k"));
        await open.Page.Locator("#find").ClickAsync();

        await Expect(open.Page.Locator("#entry")).ToContainTextAsync("Created");
        Assert.DoesNotContain("a secret", await open.Page.ContentAsync(), StringComparison.Ordinal);
    }
}
