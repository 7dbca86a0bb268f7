using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Failures;

/// <summary>What the client says of a failed call is passed on to the calls that are refused because of it, which may be another tenant's.</summary>
public sealed class ForeignKeyTests
{
    [ServerFact(ServerKind.Redis)]
    public async Task An_exception_of_the_client_shows_no_key()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddLarder(options =>
        {
            options.OnReadFailure = SecondLevelFailure.Throw;

            // A busy machine must not look like a server that is away.
            options.SecondLevelTimeout = TimeSpan.FromSeconds(20);
        }).UseRedis(server.ConnectionString);
        await using var node = await CacheNode.StartAsync(services);
        var acme = node.Cache.InScope(new CacheScope("acme"));
        var globex = node.Cache.InScope(new CacheScope("globex"));
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => acme.TryGetAsync<string>($"alice{i}@acme.example").AsTask()));
        await globex.TryGetAsync<string>("bob");
        await server.KillAsync();
        var failures = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => Assert.ThrowsAsync<SecondLevelException>(() => acme.TryGetAsync<string>($"alice{i}@acme.example").AsTask())));
        failures = [.. failures, await Assert.ThrowsAsync<SecondLevelException>(() => globex.TryGetAsync<string>("bob").AsTask())];
        Assert.All(failures, failure =>
        {
            Assert.NotNull(failure.InnerException);
            Assert.DoesNotContain("alice", failure.ToString(), StringComparison.Ordinal);
        });
    }
}
