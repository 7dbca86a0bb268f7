using System.Buffers;
using BenchmarkDotNet.Attributes;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using StackExchange.Redis;

namespace Larder.Benchmarks;

/// <summary>
/// A whole request for a cached page, from the server's side of the pipeline to the last byte of its body: no cache, the framework's memory store, a store on
/// Redis as simple as can be, and Larder with a tenant and a tag, from memory and from Redis.
/// </summary>
[MemoryDiagnoser]
public class PageHitBenchmarks
{
    private readonly List<PageApplication> _applications = [];
    private ITestServer _server = null!;
    private ConnectionMultiplexer _connection = null!;
    private byte[] _body = null!;
    private PageApplication _none = null!;
    private PageApplication _memory = null!;
    private PageApplication _redis = null!;
    private PageApplication _larder = null!;
    private PageApplication _larderServer = null!;

    /// <summary>The size of the body in bytes.</summary>
    [Params(1024, 65_536, 1_048_576)]
    public int Bytes { get; set; }

    // BenchmarkDotNet does not await an asynchronous set-up when it runs in this process.
    [GlobalSetup]
    public void SetUp() => SetUpAsync().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void CleanUp() => CleanUpAsync().GetAwaiter().GetResult();

    [Benchmark(Description = "no cache")]
    public Task<long> None() => _none.GetAsync("/t/acme/page");

    [Benchmark(Baseline = true, Description = "framework, memory")]
    public Task<long> Memory() => _memory.GetAsync("/t/acme/page");

    [Benchmark(Description = "framework, plain Redis store")]
    public Task<long> Redis() => _redis.GetAsync("/t/acme/page");

    [Benchmark(Description = "Larder, memory")]
    public Task<long> Larder() => _larder.GetAsync("/t/acme/page");

    [Benchmark(Description = "Larder, second level")]
    public Task<long> LarderServer() => _larderServer.GetAsync("/t/acme/page");

    private async Task SetUpAsync()
    {
        _body = new byte[Bytes];
        Random.Shared.NextBytes(_body);
        _server = await TestServers.StartNewAsync(ServerKind.Redis);
        _connection = await ConnectionMultiplexer.ConnectAsync(_server.ConnectionString);
        _none = await StartAsync(_ => { }, app => app.MapGet("/t/{tenant}/page", WriteAsync));
        _memory = await StartAsync(services => services.AddOutputCache(), MapFramework);
        _redis = await StartAsync(
            services => services.AddOutputCache().Replace(ServiceDescriptor.Singleton<IOutputCacheStore>(new PlainRedisStore(_connection.GetDatabase()))), MapFramework);
        _larder = await StartAsync(services => services.AddLarder().AddHttpScope(scope => scope.FromRoute("tenant")).AddOutputCaching(), MapLarder);
        _larderServer = await StartAsync(
            services => services.AddLarder(options => options.DefaultFlags = HybridCacheEntryFlags.DisableLocalCache).UseRedis(_server.ConnectionString)
                .AddHttpScope(scope => scope.FromRoute("tenant")).AddOutputCaching(),
            MapLarder);
        foreach (var application in _applications)
        {
            // The first is stored, and the second shows that all of it comes back.
            for (var i = 0; i < 2; i++)
            {
                if (await application.GetAsync("/t/acme/page") is var length && length != Bytes)
                {
                    throw new InvalidOperationException($"A page of {Bytes} bytes came with {length}.");
                }
            }
        }
    }

    private async Task<PageApplication> StartAsync(Action<IServiceCollection> services, Action<WebApplication> configure)
    {
        var application = await PageApplication.StartAsync(services, configure);
        _applications.Add(application);
        return application;
    }

    private void MapFramework(WebApplication app)
    {
        app.UseOutputCache();
        app.MapGet("/t/{tenant}/page", WriteAsync).CacheOutput(policy => policy.Expire(TimeSpan.FromHours(1)).Tag("page"));
    }

    private void MapLarder(WebApplication app)
    {
        app.UseRouting();
        app.UseLarderScope();
        app.UseLarderOutputCache();
        app.MapGet("/t/{tenant}/page", WriteAsync).CacheRoute(route => (route.Duration, route.Tags) = (3_600, ["page"])).RequireTenant();
    }

    private Task WriteAsync(HttpContext context)
    {
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = _body.Length;
        return context.Response.Body.WriteAsync(_body).AsTask();
    }

    private async Task CleanUpAsync()
    {
        foreach (var application in _applications)
        {
            await application.DisposeAsync();
        }

        _applications.Clear();
        await _connection.DisposeAsync();
        await _server.DisposeAsync();
    }

    /// <summary>One command a read, one a write.</summary>
    private sealed class PlainRedisStore(IDatabase database) : IOutputCacheBufferStore
    {
        public async ValueTask<byte[]?> GetAsync(string key, CancellationToken cancellationToken) => await database.StringGetAsync(key);

        public async ValueTask SetAsync(string key, ReadOnlySequence<byte> value, ReadOnlyMemory<string> tags, TimeSpan validFor, CancellationToken cancellationToken) =>
            await database.StringSetAsync(key, value.ToArray(), validFor);

        public async ValueTask SetAsync(string key, byte[] value, string[]? tags, TimeSpan validFor, CancellationToken cancellationToken) =>
            await database.StringSetAsync(key, value, validFor);

        public async ValueTask<bool> TryGetAsync(string key, System.IO.Pipelines.PipeWriter destination, CancellationToken cancellationToken)
        {
            if (await GetAsync(key, cancellationToken) is not { } value)
            {
                return false;
            }

            await destination.WriteAsync(value, cancellationToken);
            return true;
        }

        public ValueTask EvictByTagAsync(string tag, CancellationToken cancellationToken) => default;
    }
}
