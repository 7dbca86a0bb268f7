using System.Globalization;
using Larder.Consistency.Checking;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Larder.Consistency.Nodes;

/// <summary>A web application of a process of its own, whose pages show the numbers of a source, through the data cache and the output cache.</summary>
internal static class PageNode
{
    /// <summary>Runs it until its standard input ends; says where it listens.</summary>
    /// <param name="server">Where the processes share entries.</param>
    /// <param name="source">The file with the numbers.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="broken">Whether pages do not say what they show.</param>
    public static async Task RunAsync(string server, string source, int count, bool broken)
    {
        using var numbers = SharedNumbers.Open(source, count);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddLarder(options => options.SecondLevelTimeout = TimeSpan.FromSeconds(2)).UseRedis(server)
            .AddHttpScope(scope => scope.FromRoute("tenant"))
            .AddOutputCaching();
        await using var app = builder.Build();
        app.UseRouting();
        app.UseLarderScope();
        app.UseLarderOutputCache();
        app.MapGet("/t/{tenant}/pages/{id:int}", async (int id, HybridCache cache, CancellationToken token) =>
            (await cache.GetOrCreateAsync(
                string.Create(CultureInfo.InvariantCulture, $"page:{id}"),
                _ => new ValueTask<long>(numbers.Read(id)),
                tags: [string.Create(CultureInfo.InvariantCulture, $"page:{id}")],
                cancellationToken: token)).ToString(CultureInfo.InvariantCulture))
            .CacheRoute(route => (route.Duration, route.Tags) = (600, broken ? [] : ["page:{id}"]))
            .RequireTenant();
        app.MapPost("/t/{tenant}/pages/{id:int}", async (int id, HybridCache cache) =>
        {
            var number = numbers.Raise(id);
            await cache.RemoveByTagAsync(string.Create(CultureInfo.InvariantCulture, $"page:{id}"), CancellationToken.None);
            return Results.Text(number.ToString(CultureInfo.InvariantCulture));
        });
        await app.StartAsync();
        Console.WriteLine("ready " + app.Urls.Single());
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Nothing is said to it: it lives as long as its parent.
        }
    }
}
