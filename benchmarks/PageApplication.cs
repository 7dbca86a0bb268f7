using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Larder.Benchmarks;

/// <summary>A web application without a network: requests are handed to its pipeline, and what it answers is counted and thrown away.</summary>
internal sealed class PageApplication : IServer, IAsyncDisposable
{
    private WebApplication? _app;
    private Func<FeatureCollection, Task>? _process;

    public IFeatureCollection Features { get; } = new FeatureCollection();

    public static async Task<PageApplication> StartAsync(Action<IServiceCollection> services, Action<WebApplication> configure)
    {
        var server = new PageApplication();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        services(builder.Services);
        builder.Services.Replace(ServiceDescriptor.Singleton<IServer>(server));
        server._app = builder.Build();
        configure(server._app);
        await server._app.StartAsync();
        return server;
    }

    /// <summary>How many bytes of body a GET of the path is answered with.</summary>
    public async Task<long> GetAsync(string path)
    {
        var response = new Response();
        var body = new CountingStream(response);

        // With room for what a middleware adds, as servers have it.
        var features = new FeatureCollection(initialCapacity: 16);
        features.Set<IHttpRequestFeature>(new HttpRequestFeature { Method = "GET", Path = path, Scheme = "http", Headers = { Host = "localhost" }, Protocol = "HTTP/1.1" });
        features.Set<IHttpResponseFeature>(response);
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
        await _process!(features);
        return body.Count;
    }

    Task IServer.StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
    {
        _process = async features =>
        {
            var context = application.CreateContext(features);
            await application.ProcessRequestAsync(context);
            await features.GetRequiredFeature<IHttpResponseBodyFeature>().CompleteAsync();
            application.DisposeContext(context, null);
        };
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
    }

    public async ValueTask DisposeAsync() => await _app!.DisposeAsync();

    /// <summary>A response that starts with the first byte of its body, as a server's does; the framework's own never does.</summary>
    private sealed class Response : HttpResponseFeature
    {
        private (Func<object, Task> Callback, object State)[] _callbacks = [];
        private bool _started;

        public override bool HasStarted => _started;

        public override void OnStarting(Func<object, Task> callback, object state) => _callbacks = [.. _callbacks, (callback, state)];

        public void Start()
        {
            if (_started)
            {
                return;
            }

            _started = true;
            for (var i = _callbacks.Length - 1; i >= 0; i--)
            {
                _callbacks[i].Callback(_callbacks[i].State).GetAwaiter().GetResult();
            }
        }
    }

    private sealed class CountingStream(Response response) : Stream
    {
        public long Count { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => Count;

        public override long Position { get => Count; set => throw new NotSupportedException(); }

        public override void Flush()
        {
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public override void Write(byte[] buffer, int offset, int count) => Add(count);

        public override void Write(ReadOnlySpan<byte> buffer) => Add(buffer.Length);

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        {
            Add(count);
            return Task.CompletedTask;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Add(buffer.Length);
            return default;
        }

        private void Add(int count)
        {
            response.Start();
            Count += count;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
