using System.Text.Json;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Larder.Tests;

/// <summary>An application with nothing but health probes.</summary>
internal sealed class HealthApp : IAsyncDisposable
{
    private readonly WebApplication _app;

    private HealthApp(WebApplication app)
    {
        _app = app;
        Client = app.GetTestClient();
    }

    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<HealthApp> StartAsync(
        Action<IServiceCollection> services, string? server = null, Action<WebApplication>? map = null, Action<WebApplication>? pipeline = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders();
        builder.Configuration["CACHE_BACKEND"] = "memory";
        var larder = builder.Services.AddLarder();
        if (server is not null)
        {
            larder.UseRedis(server);
        }

        services(builder.Services);
        var app = builder.Build();
        app.UseRouting();
        pipeline?.Invoke(app);
        if (map is null)
        {
            app.MapLarderHealth();
        }
        else
        {
            map(app);
        }

        await app.StartAsync();
        return new HealthApp(app);
    }

    /// <summary>
    /// With both checks, of the cache and of its server alone, whose results are not kept. Patient: a machine that is busy with other
    /// tests is no fault.
    /// </summary>
    public static Task<HealthApp> WatchAsync(
        string server, HealthStatus? failureStatus = null, TimeSpan? timeout = null, Action<LarderHealthOptions>? configure = null)
    {
        var patience = timeout ?? TimeSpan.FromSeconds(5);
        return StartAsync(services => services.AddHealthChecks().AddLarder("larder", failureStatus, null, patience, Configure).AddRedis("redis", failureStatus, null, patience, Configure), server);

        void Configure(LarderHealthOptions options)
        {
            options.ResultLifetime = TimeSpan.Zero;
            options.DegradedLatency = TimeSpan.FromSeconds(2);
            configure?.Invoke(options);
        }
    }

    public async Task<(int Status, JsonElement Json, string Text)> GetAsync(string path)
    {
        using var response = await Client.GetAsync(path);
        var text = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, JsonDocument.Parse(text).RootElement, text);
    }

    public async Task<string> StatusAsync() => (await GetAsync("/health/ready")).Json.GetProperty("status").GetString()!;

    /// <summary>What a check says now.</summary>
    public async Task<JsonElement> EntryAsync(string name = "larder") => (await GetAsync("/health/ready")).Json.GetProperty("entries").GetProperty(name);

    /// <summary>What one probe of a check says now.</summary>
    public async Task<JsonElement> ProbeAsync(string probe, string name = "larder") => (await EntryAsync(name)).GetProperty("data").GetProperty(probe);

    /// <summary>Waits until all checks together are in a state.</summary>
    public Task UntilAsync(HealthStatus status) => Poll.UntilAsync(async () => await StatusAsync() == status.ToString(), $"the checks say {status}");

    /// <summary>
    /// Waits until one answer, with its status code, is as it should be, and says it. All in one: the next may be of a moment in which the machine stands still, and a property that is missing there is a "not yet".
    /// </summary>
    public async Task<JsonElement> UntilAsync(Func<int, JsonElement, bool> holds, string what)
    {
        var (status, said, text) = (0, default(JsonElement), "");
        try
        {
            await Poll.UntilAsync(
                async () =>
                {
                    (status, said, text) = await GetAsync("/health/ready");
                    try
                    {
                        return holds(status, said);
                    }
                    catch (KeyNotFoundException)
                    {
                        return false;
                    }
                },
                what);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"{exception.Message} The answer is {status}: {text}", exception);
        }

        return said;
    }

    /// <summary>What a probe of a check says in an answer.</summary>
    public static JsonElement Probe(JsonElement answer, string probe, string name = "larder") => answer.GetProperty("entries").GetProperty(name).GetProperty("data").GetProperty(probe);

    /// <summary>Whether a probe of a check gives a verdict in an answer.</summary>
    public static bool Says(JsonElement answer, string probe, string status, string name = "larder") => Probe(answer, probe, name).GetProperty("status").GetString() == status;

    /// <summary>Waits until one probe gives a verdict, and says what it said.</summary>
    public async Task<JsonElement> UntilAsync(string probe, string status, string name = "larder") =>
        Probe(await UntilAsync((_, answer) => Says(answer, probe, status, name), $"the probe {probe} of {name} says {status}"), probe, name);

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
