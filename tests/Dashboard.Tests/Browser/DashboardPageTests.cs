using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Larder.Tests;

/// <summary>The page as an operator uses it, in a real browser.</summary>
[Collection(BrowserFixture.Name)]
public sealed class DashboardPageTests(BrowserFixture browser)
{
    private static readonly CacheScope Orders = new("acme", "web", "orders");

    [BrowserFact]
    public async Task The_chart_moves_under_traffic()
    {
        await using var app = await StartAsync();
        await Traffic.ReadAsync(app, Orders, 20, 4);
        await using var open = await OpenPage.OpenAsync(browser, app);
        await Expect(open.Page.Locator("#hit-rate polyline.line-0").First).ToBeAttachedAsync();
        var before = await LineAsync(open);
        var hits = await Tile(open, "Hits").TextContentAsync();

        await Traffic.ReadAsync(app, new CacheScope("globex", null, "prices"), 300, 10);

        await Poll.UntilAsync(async () => (await LineAsync(open)).Length > before.Length, "the line has grown");
        await Expect(Tile(open, "Hits")).Not.ToHaveTextAsync(hits!);
        await Expect(open.Page.Locator("#hit-rate tbody")).ToContainTextAsync("prices");
        await Expect(open.Page.Locator("#load-time-text")).ToContainTextAsync("All: latest");
        await Expect(open.Page.Locator("#memory-text")).ToContainTextAsync("Bytes: latest");
        await Expect(open.Page.Locator("#namespace-table tbody th", new() { HasText = "prices" })).ToBeVisibleAsync();
        await Expect(Row(open, "globex").Locator("td").Nth(1)).ToHaveTextAsync("290");
        await open.KeepPictureAsync("dashboard");
    }

    [BrowserFact]
    public async Task A_tag_is_removed_after_a_question_and_what_had_it_is_a_miss()
    {
        await using var app = await StartAsync();
        await Traffic.ReadAsync(app, Orders, 4, 1, "catalog");
        await using var open = await OpenPage.OpenAsync(browser, app);
        await open.FillAsync(("tenant", "acme"), ("project", "web"), ("namespace", "orders"), ("key", "key:0"), ("tag", "catalog"));
        await open.Page.Locator("#find").ClickAsync();
        await Expect(open.Outcome).ToHaveTextAsync("Found.");
        await Expect(open.Page.Locator("#entry")).ToContainTextAsync("catalog");

        await open.Page.Locator("#remove-tag").ClickAsync();
        await Expect(open.Page.Locator("#confirm")).ToContainTextAsync("catalog");
        await open.Page.Locator("#confirm-no").ClickAsync();
        await Expect(open.Page.Locator("#confirm")).ToBeHiddenAsync();
        Assert.Equal(CacheResultKind.Found, await KindAsync(app));

        await open.Page.Locator("#remove-tag").ClickAsync();
        await open.ConfirmAsync();
        await Expect(open.Outcome).ToContainTextAsync("removed");
        Assert.NotEqual(CacheResultKind.Found, await KindAsync(app));
        await open.Page.Locator("#find").ClickAsync();
        await Expect(open.Outcome).ToHaveTextAsync("No entry.");
        await Expect(open.Page.Locator("#invalidation-table tbody tr").First).ToContainTextAsync("catalog");
    }

    [BrowserFact]
    public async Task A_tenant_is_cleared_from_its_row_and_no_other()
    {
        await using var app = await StartAsync();
        await Traffic.ReadAsync(app, Orders, 1, 1);
        await Traffic.ReadAsync(app, Orders.WithTenant("globex"), 1, 1);
        await using var open = await OpenPage.OpenAsync(browser, app);

        await Row(open, "globex").GetByRole(AriaRole.Button).ClickAsync();
        await open.ConfirmAsync();
        await Expect(open.Outcome).ToContainTextAsync("removed");

        Assert.NotEqual(CacheResultKind.Found, await KindAsync(app, "globex"));
        Assert.Equal(CacheResultKind.Found, await KindAsync(app));
    }

    [BrowserFact]
    public async Task Everything_can_be_done_with_the_keyboard()
    {
        await using var app = await StartAsync();
        await Traffic.ReadAsync(app, Orders, 1, 1);
        await using var open = await OpenPage.OpenAsync(browser, app);
        var keyboard = open.Page.Keyboard;
        var removals = 0;
        open.Page.Request += (_, request) => _ = request.Url.EndsWith("/remove-key", StringComparison.Ordinal) ? Interlocked.Increment(ref removals) : 0;

        await keyboard.PressAsync("Tab");
        Assert.Equal("Skip to the content", await FocusedAsync(open, "textContent"));
        Assert.Equal("solid", await open.Page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
        await keyboard.PressAsync("Enter");
        foreach (var (field, text) in (IEnumerable<(string, string)>)[("tenant", "acme"), ("project", "web"), ("namespace", "orders"), ("key", "key:0")])
        {
            await TabToAsync(open, "name", field);
            await keyboard.TypeAsync(text);
        }

        await keyboard.PressAsync("Enter");
        await Expect(open.Outcome).ToHaveTextAsync("Found.");

        await TabToAsync(open, "id", "remove-key");
        await keyboard.PressAsync("Enter");
        Assert.Equal("confirm-no", await FocusedAsync(open, "id"));
        await keyboard.PressAsync("Escape");
        Assert.Equal("remove-key", await FocusedAsync(open, "id"));

        await keyboard.PressAsync("Enter");
        await TabToAsync(open, "id", "confirm-yes");
        await keyboard.PressAsync("Enter");
        await Expect(open.Outcome).ToContainTextAsync("removed");
        Assert.NotEqual(CacheResultKind.Found, await KindAsync(app));
        Assert.Equal("remove-key", await FocusedAsync(open, "id"));
        Assert.Equal(1, removals);
    }

    [BrowserFact]
    public async Task A_question_that_is_asked_before_the_end_of_the_one_before_is_told_has_an_answer_of_its_own()
    {
        await using var app = await StartAsync();
        await Traffic.ReadAsync(app, Orders, 1, 1);
        await using var open = await OpenPage.OpenAsync(browser, app);
        await open.FillAsync(("tenant", "acme"), ("project", "web"), ("namespace", "orders"), ("key", "key:0"));

        // In one step of the browser's, which tells of the closing after it.
        await open.Page.EvaluateAsync(
            "() => { const button = document.getElementById('remove-key'); button.click(); document.getElementById('confirm').close('no'); button.click(); }");
        await open.ConfirmAsync();

        await Expect(open.Outcome).ToContainTextAsync("removed");
        Assert.NotEqual(CacheResultKind.Found, await KindAsync(app));
    }

    [BrowserFact]
    public async Task A_row_stays_the_same_while_its_numbers_change()
    {
        await using var app = await StartAsync();
        await Traffic.ReadAsync(app, Orders, 2, 1);
        await using var open = await OpenPage.OpenAsync(browser, app);
        await Row(open, "acme").GetByRole(AriaRole.Button).FocusAsync();

        await Traffic.ReadAsync(app, Orders, 40, 1);

        await Expect(Row(open, "acme").Locator("td").Nth(1)).ToHaveTextAsync("41");
        await Expect(Row(open, "acme").GetByRole(AriaRole.Button)).ToBeFocusedAsync();
    }

    [BrowserFact]
    public async Task Everything_has_a_name_for_who_does_not_see_it()
    {
        await using var app = await StartAsync();
        await Traffic.ReadAsync(app, Orders, 1, 1);
        await using var open = await OpenPage.OpenAsync(browser, app);
        var page = open.Page;

        await Expect(page.GetByRole(AriaRole.Main)).ToHaveCountAsync(1);
        await Expect(page.GetByRole(AriaRole.Banner)).ToHaveCountAsync(1);
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Larder");
        foreach (var field in (string[])["Tenant", "Project", "Namespace", "Key", "Tag"])
        {
            await Expect(page.GetByRole(AriaRole.Textbox, new() { Name = field, Exact = true })).ToHaveCountAsync(1);
        }

        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Hit rate", Exact = true })).ToHaveAccessibleDescriptionAsync(new System.Text.RegularExpressions.Regex("All: latest|Nothing to show yet"));
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Clear tenant acme" })).ToHaveCountAsync(1);
        await Expect(page.GetByRole(AriaRole.Status).First).ToHaveTextAsync("Live");
        Assert.Equal(0, await page.EvaluateAsync<int>("document.querySelectorAll('th:not([scope])').length"));
        Assert.Equal("en", await page.EvaluateAsync<string>("document.documentElement.lang"));
        Assert.Equal(0, await page.EvaluateAsync<int>("document.querySelectorAll('[style], script:not([src]), style').length"));
    }

    [BrowserFact]
    public async Task Without_counting_the_page_says_how_to_count()
    {
        await using var app = await StartAsync(counts: false);
        await using var open = await OpenPage.OpenAsync(browser, app);

        await Expect(open.Page.Locator("#notice")).ToContainTextAsync("CACHE_METRICS=1");
    }

    [BrowserFact]
    public async Task The_page_says_when_the_application_is_gone()
    {
        await using var app = await StartAsync();
        await using var open = await OpenPage.OpenAsync(browser, app);

        await app.StopAsync();

        await Expect(open.Connection).Not.ToHaveTextAsync("Live");

        // The browser says on its console that nobody answers.
        open.Forget();
        await open.Page.GotoAsync("about:blank");
        open.Forget();
    }

    internal static Task<DashboardApp> StartAsync(bool counts = true, bool allowValues = false) => DashboardApp.StartAsync(
        web => web.MapLarderDashboard(configure: options =>
        {
            options.SampleInterval = TimeSpan.FromMilliseconds(250);
            options.AllowValues = allowValues;
        }).AllowAnonymous(),
        larder: larder => larder.Services.Configure<LarderOptions>(options => options.Statistics = counts));

    private static ILocator Tile(OpenPage open, string name) => open.Page.Locator($"#tiles div:has(dt:text-is('{name}')) dd");

    private static ILocator Row(OpenPage open, string tenant) => open.Page.Locator("#tenant-table tbody tr", new() { HasText = tenant });

    private static async Task<CacheResultKind> KindAsync(DashboardApp app, string tenant = "acme")
    {
        using (CacheScope.Use(Orders.WithTenant(tenant)))
        {
            return (await app.Cache.TryGetAsync<string>("key:0")).Kind;
        }
    }

    // All parts of the first line: it is broken where there were no reads.
    private static Task<string> LineAsync(OpenPage open) =>
        open.Page.EvaluateAsync<string>("Array.from(document.querySelectorAll('#hit-rate polyline.line-0'), line => line.getAttribute('points')).join(' ')");

    private static Task<string> FocusedAsync(OpenPage open, string property) => open.Page.EvaluateAsync<string>($"document.activeElement.{property}");

    private static async Task TabToAsync(OpenPage open, string property, string value)
    {
        for (var i = 0; i < 60; i++)
        {
            await open.Page.Keyboard.PressAsync("Tab");
            if (await FocusedAsync(open, property) == value)
            {
                return;
            }
        }

        Assert.Fail($"No Tab leads to the element whose {property} is {value}.");
    }
}
