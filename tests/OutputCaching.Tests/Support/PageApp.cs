using Larder.Http;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Larder.Tests;

/// <summary>An application with output caching, asked past any client that would tidy up its requests.</summary>
internal sealed class PageApp : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _served;

    private PageApp(WebApplication app) => _app = app;

    public IServiceProvider Services => _app.Services;

    public PageStore Store => Services.GetRequiredService<PageStore>();

    public HybridCache Cache => Services.GetRequiredService<HybridCache>();

    /// <summary>A number that no other response has: two equal bodies came from the cache.</summary>
    public int Next() => Interlocked.Increment(ref _served);

    public Task UntilWaitingAsync(int count) => Poll.UntilAsync(() => Store.WaitingCount == count, $"{count} requests wait");

    /// <summary>
    /// Waits until all who wait for a page have been told what became of it. A response that is not stored is given up when it starts; who asks before the others were told so
    /// waits for it too, and says so.
    /// </summary>
    public Task UntilToldAsync() => Poll.UntilAsync(() => Store.Engine.Flights.Count == 0, "no request computes a page for others");

    public static async Task<PageApp> StartAsync(
        Action<PageApp, WebApplication> map,
        Action<HttpScopeBuilder>? scope = null,
        Action<IServiceCollection>? services = null,
        Action<WebApplication>? pipeline = null,
        Action<ILarderBuilder>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders();
        builder.Configuration["CACHE_BACKEND"] = "memory";

        // Time stands still, or what a hit says of its age would depend on the machine. A test that moves it brings a clock of its own.
        builder.Services.AddSingleton<TimeProvider>(new SteppedClock());
        var larder = builder.Services.AddLarder().AddOutputCaching();
        if (scope is not null)
        {
            larder.AddHttpScope(scope);
        }

        configure?.Invoke(larder);
        services?.Invoke(builder.Services);
        var app = builder.Build();
        var pages = new PageApp(app);
        app.UseRouting();
        if (pipeline is not null)
        {
            pipeline(app);
        }
        else
        {
            if (scope is not null)
            {
                app.UseLarderScope();
            }

            app.UsePages();
        }

        map(pages, app);
        await app.StartAsync();
        return pages;
    }

    /// <summary>A GET. The path is taken as decoded text, the query as it stands in the URL.</summary>
    public async Task<Answer> GetAsync(string path, string query = "", Action<HttpContext>? configure = null, CancellationToken cancellationToken = default)
    {
        var context = await _app.GetTestServer().SendAsync(context =>
        {
            context.Request.Method = HttpMethods.Get;
            context.Request.Scheme = "http";
            context.Request.Host = new HostString("shop.example");
            context.Request.Path = new PathString(path);
            context.Request.QueryString = new QueryString(query);
            configure?.Invoke(context);
        }, cancellationToken);
        using var reader = new StreamReader(context.Response.Body);
        return new Answer(context.Response.StatusCode, await reader.ReadToEndAsync(cancellationToken), context.Response.Headers["Cache-Status"].ToString(), context.Response.Headers);
    }

    /// <summary>Whatever became of its requests, none may leave anything behind.</summary>
    public async ValueTask DisposeAsync()
    {
        await Poll.UntilAsync(() => Store.Tickets.Count == 0, "no request has left its ticket");
        await _app.DisposeAsync();
    }
}

internal sealed record Answer(int Status, string Body, string CacheStatus, IHeaderDictionary Headers)
{
    public bool IsHit => CacheStatus.StartsWith("larder; hit", StringComparison.Ordinal);
}
