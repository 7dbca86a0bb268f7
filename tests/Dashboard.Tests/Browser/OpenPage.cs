using Microsoft.Playwright;
using Xunit;

namespace Larder.Tests;

/// <summary>The dashboard in a browser of its own. What the browser complains of, violations of the content policy among them, is noted, and must be nothing at the end.</summary>
internal sealed class OpenPage : IAsyncDisposable
{
    private const float Patience = 60_000;

    private readonly IBrowserContext _context;
    private readonly List<string> _complaints = [];

    private OpenPage(IBrowserContext context, IPage page)
    {
        _context = context;
        Page = page;
    }

    public IPage Page { get; }

    public ILocator Connection => Page.Locator("#connection");

    public ILocator Outcome => Page.Locator("#outcome");

    /// <summary>What the browser has complained of.</summary>
    public IReadOnlyList<string> Complaints
    {
        get
        {
            lock (_complaints)
            {
                return [.. _complaints];
            }
        }
    }

    public static async Task<OpenPage> OpenAsync(BrowserFixture fixture, DashboardApp app, int width = 1200, int height = 900, ColorScheme scheme = ColorScheme.Light, bool isPhone = false)
    {
        var context = await fixture.Browser.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = height },
            ColorScheme = scheme,
            IsMobile = isPhone,
            HasTouch = isPhone,
            TimezoneId = "UTC",
        });
        context.SetDefaultTimeout(Patience);
        Assertions.SetDefaultExpectTimeout(Patience);
        var open = new OpenPage(context, await context.NewPageAsync());
        open.Page.Console += (_, message) => open.Complain(message.Type is "error" or "warning", $"console: {message.Text}");
        open.Page.PageError += (_, error) => open.Complain(true, $"error: {error}");
        open.Page.Dialog += (_, dialog) => open.Complain(true, $"dialog: {dialog.Message}");
        open.Page.Request += (_, request) => open.Complain(!request.Url.StartsWith(app.Address, StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal), $"request: {request.Url}");
        await open.Page.AddInitScriptAsync("addEventListener('securitypolicyviolation', event => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));");
        await open.Page.GotoAsync(app.Address + "/larder");
        await Assertions.Expect(open.Connection).ToHaveTextAsync("Live");
        await Assertions.Expect(open.Page.Locator("#tiles dd").First).ToBeVisibleAsync();
        return open;
    }

    /// <summary>Fills the fields of the form that are given.</summary>
    public async Task FillAsync(params (string Name, string Text)[] fields)
    {
        foreach (var (name, text) in fields)
        {
            await Page.Locator($"#entry-form input[name={name}]").FillAsync(text);
        }
    }

    public async Task ConfirmAsync() => await Page.Locator("#confirm-yes").ClickAsync();

    /// <summary>Keeps a picture among the test results.</summary>
    public async Task KeepPictureAsync(string name) =>
        await Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Pictures, $"{name}.png"), FullPage = true });

    /// <summary>Forgets what the browser has complained of, where a test provokes it.</summary>
    public void Forget()
    {
        lock (_complaints)
        {
            _complaints.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        Assert.Empty(Complaints);
    }

    private static string Pictures
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "Extensions.sln")))
            {
                folder = folder.Parent ?? throw new DirectoryNotFoundException("No folder above the tests holds Extensions.sln.");
            }

            return Path.Combine(folder.FullName, "artifacts", "screenshots");
        }
    }

    private void Complain(bool isComplaint, string text)
    {
        if (isComplaint)
        {
            lock (_complaints)
            {
                _complaints.Add(text);
            }
        }
    }
}
