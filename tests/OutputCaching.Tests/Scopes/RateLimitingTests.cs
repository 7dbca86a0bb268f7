using System.Net;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Larder.Tests;

/// <summary>ASP.NET Core's rate limiting middleware over limits that several applications share.</summary>
public class RateLimitingTests
{
    private const int Limit = 25;

    [ServerTheory(ServerKind.Redis)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Applications_together_admit_exactly_the_limit_of_each_tenant(bool sliding)
    {
        var address = (await TestServers.GetAsync(ServerKind.Redis)).ConnectionString;
        var prefix = $"larder-{Guid.NewGuid():N}";
        await using var first = await StartAsync(address, prefix, sliding);
        await using var second = await StartAsync(address, prefix, sliding);
        HttpClient[] clients = [first.GetTestClient(), second.GetTestClient()];
        foreach (var tenant in new[] { "acme", "globex" })
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 80).Select(i => SendAsync(clients[i % 2], tenant)));
            Assert.Equal(Limit, answers.Count(answer => answer.Status == HttpStatusCode.OK));
            Assert.Equal(80 - Limit, answers.Count(answer => answer.Status == HttpStatusCode.TooManyRequests && answer.RetryAfter > 0));
        }
    }

    private static async Task<(HttpStatusCode Status, double RetryAfter)> SendAsync(HttpClient client, string tenant)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("X-Tenant", tenant);
        using var response = await client.SendAsync(request);
        return (response.StatusCode, response.Headers.RetryAfter?.Delta?.TotalSeconds ?? 0);
    }

    private static async Task<WebApplication> StartAsync(string address, string prefix, bool sliding)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders();
        builder.Services.AddLarder(options =>
        {
            options.Prefix = prefix;

            // A busy machine must not look like a server that is away.
            options.SecondLevelTimeout = TimeSpan.FromSeconds(20);
        }).UseRedis(address).AddHttpScope(scope => scope.FromHeader("X-Tenant"));
        var limit = new CacheRateLimiterOptions { PermitLimit = Limit, Window = TimeSpan.FromHours(1) };
        builder.Services.AddRateLimiter(limits =>
        {
            limits.AddPolicy("api", http =>
            {
                var counters = http.RequestServices.GetRequiredService<ICacheCounters>();
                return sliding ? counters.SlidingWindowPartition("api", limit) : counters.FixedWindowPartition("api", limit);
            });
            limits.OnRejected = (context, _) =>
            {
                context.HttpContext.Response.StatusCode = StatusCodes.Status429TooManyRequests;
                if (context.Lease.TryGetMetadata(System.Threading.RateLimiting.MetadataName.RetryAfter, out var after))
                {
                    context.HttpContext.Response.Headers.RetryAfter = ((int)after.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
                }

                return default;
            };
        });
        var app = builder.Build();
        app.UseRouting();
        app.UseLarderScope();
        app.UseRateLimiter();
        app.MapGet("/", () => "served").RequireRateLimiting("api");
        await app.StartAsync();
        return app;
    }
}
