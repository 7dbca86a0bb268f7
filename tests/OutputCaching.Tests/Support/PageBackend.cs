using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Tests;

/// <summary>Where a contract about pages runs, and the applications it starts there.</summary>
internal sealed class PageBackend(ServerKind? kind) : IAsyncDisposable
{
    private readonly string _prefix = $"larder-pages-{Guid.NewGuid():N}";
    private readonly List<PageApp> _apps = [];

    public SteppedClock Clock { get; } = new();

    public bool IsShared => kind is not null;

    public async Task<PageApp> StartAsync(
        Action<PageApp, WebApplication> map, Action<HttpScopeBuilder>? scope = null, Action<LarderOptions>? options = null, Action<IServiceCollection>? services = null)
    {
        var connection = kind is { } server ? (await TestServers.GetAsync(server)).PatientConnectionString : null;
        var app = await PageApp.StartAsync(
            map,
            scope,
            collection =>
            {
                collection.AddSingleton<TimeProvider>(Clock);
                services?.Invoke(collection);
            },
            configure: larder =>
            {
                larder.Services.AddLarder(settings =>
                {
                    settings.Prefix = _prefix;

                    // A busy machine must not look like a server that is away.
                    settings.SecondLevelTimeout = TimeSpan.FromSeconds(20);

                    // Nor one that stands still for some seconds like a node that has died in the middle of a page, which another node then computes too.
                    settings.LeaseDuration = TimeSpan.FromMinutes(1);
                    options?.Invoke(settings);
                });
                if (connection is not null)
                {
                    larder.UseRedis(connection);
                }
            });
        await Poll.UntilAsync(() => app.Store.Engine.IsTrusted, "the node hears its own heartbeat");
        _apps.Add(app);
        return app;
    }

    /// <summary>Moves the clock, and waits until every node has found out that it still hears the others.</summary>
    public async Task AdvanceAsync(TimeSpan by)
    {
        Clock.Advance(by);
        foreach (var app in _apps)
        {
            await Poll.UntilAsync(() => app.Store.Engine.IsTrusted, "the node hears the others");
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var app in _apps)
        {
            await app.DisposeAsync();
        }
    }
}
