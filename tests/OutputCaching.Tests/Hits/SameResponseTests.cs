using System.Net;
using System.Net.Sockets;
using System.Text;
using FsCheck.Fluent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Larder.Tests;

/// <summary>The same page over a real server on both ways: what comes over the wire is compared byte by byte.</summary>
public sealed class SameResponseTests : IAsyncLifetime
{
    private const string Ahead = "X-Ahead: 1\r\n";

    private readonly SteppedClock _clock = new();
    private PageReply[] _replies = [];
    private WebApplication _app = null!;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Configuration["CACHE_BACKEND"] = "memory";
        builder.Services.AddSingleton<TimeProvider>(_clock).AddLarder().AddOutputCaching();
        _app = builder.Build();
        _app.UseRouting();

        // One store behind both; the header that chooses is no part of the key.
        _app.UseWhen(http => http.Request.Headers.ContainsKey("X-Ahead"), branch => branch.UseLarderOutputCache());
        _app.UseWhen(http => !http.Request.Headers.ContainsKey("X-Ahead"), branch => branch.UseOutputCache());
        _app.MapMethods("/{id:int}", ["GET", "HEAD"], (HttpContext http, int id) => _replies[id].WriteAsync(http)).CacheRoute(route => (route.Duration, route.Statuses) = (600, PageReply.Statuses));
        await _app.StartAsync();
    }

    public async Task DisposeAsync() => await _app.DisposeAsync();

    // As it comes, until the server closes the connection.
    private async Task<byte[]> AskAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, new Uri(_app.Urls.Single()).Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));
        using var answer = new MemoryStream();
        await client.GetStream().CopyToAsync(answer);
        return answer.ToArray();
    }

    [Fact]
    public async Task What_is_served_ahead_is_byte_for_byte_what_the_framework_serves()
    {
        // One that frames its body itself, as a proxy may.
        _replies = [.. Property.Cases(PageReply.All, 99), new PageReply(200, [("Transfer-Encoding", ["chunked"])], [100], false)];
        var hits = 0;
        for (var id = 0; id < _replies.Length; id++)
        {
            foreach (var (method, version, more) in ((string, string, string)[])
                [("GET", "1.1", ""), ("HEAD", "1.1", ""), ("GET", "1.0", ""), ("GET", "1.1", "Range: bytes=0-9\r\n"), ("GET", "1.1", "Cache-Control: no-cache, only-if-cached\r\n"), ("GET", "1.1", "If-None-Match: \"v1\"\r\n")])
            {
                string Request(string way) => $"{method} /{id} HTTP/{version}\r\nHost: shop.example\r\nConnection: close\r\n{way}{more}\r\n";
                await AskAsync(Request(""));
                _clock.Advance(TimeSpan.FromSeconds(1.4));
                var framework = await AskAsync(Request(""));
                var ahead = await AskAsync(Request(Ahead));

                Assert.True(framework.AsSpan().SequenceEqual(ahead), $"{_replies[id]} {Request("")}\n{Text(framework)}\n--- ahead:\n{Text(ahead)}");
                hits += Text(ahead).Contains("larder; hit; ttl=", StringComparison.Ordinal) ? 1 : 0;
            }
        }

        Assert.True(hits > 500, $"only {hits} of 600 were hits");
    }

    private static string Text(byte[] answer) => Encoding.Latin1.GetString(answer.AsSpan(0, Math.Min(answer.Length, 1_500)));
}
