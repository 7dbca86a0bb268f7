using System.Net;
using Larder.Engine;
using Larder.Samples.WebApp.Catalog;
using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>What the sample does over HTTP, whatever its second level is.</summary>
public abstract class CatalogContract : IAsyncLifetime
{
    private CatalogHost? _host;

    private protected CatalogHost Host => _host!;

    private protected HttpClient Client { get; private set; } = null!;

    /// <summary>What <c>/health/ready</c> says the second level is.</summary>
    protected abstract string SecondLevel { get; }

    private protected abstract Task<IReadOnlyDictionary<string, string>> SettingsAsync();

    public async Task InitializeAsync()
    {
        _host = await StartAsync();
        Client = _host.CreateClient();
    }

    /// <summary>A node. A busy machine must not look like a server that is away, nor the first moments of a node like a cache that forgets.</summary>
    private protected async Task<CatalogHost> StartAsync(CatalogHost? sharedWith = null)
    {
        var host = new CatalogHost(new Dictionary<string, string>(await SettingsAsync()) { ["Larder:SecondLevelTimeout"] = "00:00:20" }, sharedWith);
        var engine = host.Services.GetRequiredService<CacheEngine>();
        await Poll.UntilAsync(() => engine.IsTrusted, "the node hears its own heartbeat");
        return host;
    }

    public async Task DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }
    }

    [ContractFact]
    public async Task A_page_is_a_miss_then_a_hit_and_after_an_update_a_miss_with_the_new_product()
    {
        using var first = await Client.GetAsync("/t/acme/products/1");
        using var second = await Client.GetAsync("/t/acme/products/1");
        using var update = await Client.WriteAsync(HttpMethod.Put, "/t/acme/products/1", Responses.Draft("New name"), "\"1\"");
        using var third = await Client.GetAsync("/t/acme/products/1");
        using var fourth = await Client.GetAsync("/t/acme/products/1");

        Assert.Equal((Responses.Miss, "miss"), (first.CacheStatus(), first.DataCache()));
        Assert.Matches("^larder; hit; ttl=(5[0-9]|60)$", second.CacheStatus());
        Assert.Equal("", second.DataCache());
        Assert.Equal(await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync());
        Assert.Equal(2, (await update.ProductAsync()).Version);
        Assert.Equal((Responses.Miss, "miss"), (third.CacheStatus(), third.DataCache()));
        Assert.Equal("New name", (await third.ProductAsync()).Name);
        Assert.True(fourth.IsHit());
        Assert.Equal("New name", (await fourth.ProductAsync()).Name);
    }

    [ContractFact]
    public async Task Path_and_header_name_the_same_tenant_so_they_share_its_data()
    {
        using var path = await Client.GetAsync("/t/acme/products/2");
        using var header = await Client.GetForAsync("/products/2", "acme");

        Assert.Equal("miss", path.DataCache());
        Assert.Equal((Responses.Miss, "hit"), (header.CacheStatus(), header.DataCache()));
        Assert.Equal(await path.ProductAsync(), await header.ProductAsync());
    }

    [ContractFact]
    public async Task An_update_drops_the_pages_of_every_way_to_the_product()
    {
        string[] ways = ["/t/acme/products/3", "/t/acme/products/003", "/t/acme/products/+3"];
        foreach (var way in ways)
        {
            (await Client.GetAsync(way)).Dispose();
            using var hit = await Client.GetAsync(way);
            Assert.True(hit.IsHit(), way);
        }

        using var update = await Client.WriteAsync(HttpMethod.Put, "/t/acme/products/3", Responses.Draft("Renamed", "ACM-00003"));

        foreach (var way in ways)
        {
            using var read = await Client.GetAsync(way);
            Assert.Equal("Renamed", (await read.ProductAsync()).Name);
        }
    }

    [ContractFact]
    public async Task An_update_drops_searches_that_may_show_the_product()
    {
        const string search = "/t/acme/products?q=Zeppelin&page=1&size=5";
        using var before = await Client.GetAsync(search);
        using var update = await Client.WriteAsync(HttpMethod.Put, "/t/acme/products/4", Responses.Draft("Zeppelin", "ACM-00004"));
        using var after = await Client.GetAsync(search);

        Assert.Equal(0, (await before.JsonAsync()).GetProperty("total").GetInt64());
        Assert.Equal((Responses.Miss, "miss"), (after.CacheStatus(), after.DataCache()));
        Assert.Equal(1, (await after.JsonAsync()).GetProperty("total").GetInt64());
    }

    [ContractFact]
    public async Task A_search_is_a_page_of_its_own_for_each_listed_parameter_and_for_no_other()
    {
        (await Client.GetAsync("/t/acme/products?q=lamp&page=1&size=5")).Dispose();
        using var again = await Client.GetAsync("/t/acme/products?size=5&q=lamp&page=1&utm_source=mail");
        using var other = await Client.GetAsync("/t/acme/products?q=lamp&page=2&size=5");

        Assert.True(again.IsHit());
        Assert.Equal(Responses.Miss, other.CacheStatus());
        Assert.NotEqual(await again.Content.ReadAsStringAsync(), await other.Content.ReadAsStringAsync());
    }

    [ContractFact]
    public async Task Tenants_with_the_same_numbers_see_only_their_own_products()
    {
        using var acme = await Client.GetAsync("/t/acme/products/5");
        using var globex = await Client.GetAsync("/t/globex/products/5");
        using var byHeader = await Client.GetForAsync("/products/5", "initech");

        Assert.StartsWith("Acme", (await acme.ProductAsync()).Name, StringComparison.Ordinal);
        Assert.StartsWith("Globex", (await globex.ProductAsync()).Name, StringComparison.Ordinal);
        Assert.StartsWith("Initech", (await byHeader.ProductAsync()).Name, StringComparison.Ordinal);
        Assert.Equal(("miss", "miss", "miss"), (acme.DataCache(), globex.DataCache(), byHeader.DataCache()));
    }

    [ContractFact]
    public async Task An_update_of_one_tenant_leaves_the_pages_of_another_where_they_are()
    {
        (await Client.GetAsync("/t/globex/products/6")).Dispose();
        using var update = await Client.WriteAsync(HttpMethod.Put, "/t/acme/products/6", Responses.Draft("Acme only", "ACM-00006"));
        using var globex = await Client.GetAsync("/t/globex/products/6");

        Assert.True(globex.IsHit());
        Assert.StartsWith("Globex", (await globex.ProductAsync()).Name, StringComparison.Ordinal);
    }

    [ContractFact]
    public async Task The_path_wins_over_the_header()
    {
        using var response = await Client.GetForAsync("/t/acme/products/7", "globex");
        using var again = await Client.GetForAsync("/t/acme/products/7", "umbrella");

        Assert.StartsWith("Acme", (await response.ProductAsync()).Name, StringComparison.Ordinal);
        Assert.StartsWith("Acme", (await again.ProductAsync()).Name, StringComparison.Ordinal);
    }

    [ContractFact]
    public async Task A_missing_product_is_found_once_it_is_created_and_gone_once_it_is_deleted()
    {
        using var missing = await Client.GetAsync("/t/umbrella/products/2501");
        using var stillMissing = await Client.GetAsync("/t/umbrella/products/2501");
        using var created = await Client.WriteAsync(HttpMethod.Post, "/t/umbrella/products", Responses.Draft("Brand new", "UMB-NEW"), ifMatch: null);
        using var found = await Client.GetAsync(created.Headers.Location);
        using var deleted = await Client.WriteAsync(HttpMethod.Delete, "/t/umbrella/products/2501", null, found.Headers.ETag!.ToString());
        using var gone = await Client.GetAsync("/t/umbrella/products/2501");

        Assert.Equal((HttpStatusCode.NotFound, "miss"), (missing.StatusCode, missing.DataCache()));
        Assert.Equal((HttpStatusCode.NotFound, "hit"), (stillMissing.StatusCode, stillMissing.DataCache()));
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Assert.Equal("/t/umbrella/products/2501", created.Headers.Location!.ToString());
        Assert.Equal("Brand new", (await found.ProductAsync()).Name);
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }

    [ContractFact]
    public async Task Of_many_updates_of_one_version_one_wins()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i =>
            Client.WriteAsync(HttpMethod.Put, "/t/initech/products/8", Responses.Draft($"Writer {i}", "INI-00008"), "\"1\"")));

        Assert.Equal(1, results.Count(result => result.StatusCode == HttpStatusCode.OK));
        Assert.Equal(19, results.Count(result => result.StatusCode == HttpStatusCode.PreconditionFailed));
        var winner = await results.Single(result => result.StatusCode == HttpStatusCode.OK).ProductAsync();
        using var read = await Client.GetAsync("/t/initech/products/8");
        Assert.Equal(winner, await read.ProductAsync());
    }

    [ContractFact]
    public async Task Readers_during_updates_never_see_a_product_go_back_to_an_older_version()
    {
        using var stop = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 8).Select(async _ =>
        {
            long last = 0;
            while (!stop.IsCancellationRequested)
            {
                using var response = await Client.GetAsync("/t/globex/products/9");
                var version = (await response.ProductAsync()).Version;
                Assert.True(version >= last, $"read version {version} after {last}");
                last = version;
            }
        }).ToArray();

        for (var version = 1; version <= 40; version++)
        {
            using var update = await Client.WriteAsync(HttpMethod.Put, "/t/globex/products/9", Responses.Draft($"Version {version + 1}", "GLO-00009"), $"\"{version}\"");
            var written = (await update.ProductAsync()).Version;
            using var read = await Client.GetAsync("/t/globex/products/9");
            Assert.Equal(written, (await read.ProductAsync()).Version);
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
    }

    [ContractFact]
    public async Task Health_says_what_the_second_level_is_and_is_never_cached()
    {
        // A node that has just begun does not hear the others yet, and says so.
        await Poll.UntilAsync(
            async () => (await (await Client.GetAsync("/health/ready")).JsonAsync()).GetProperty("status").GetString() == "Healthy", "the application is ready");
        using var live = await Client.GetAsync("/health/live");
        using var ready = await Client.GetAsync("/health/ready");
        using var all = await Client.GetAsync("/health");

        Assert.Empty((await live.JsonAsync()).GetProperty("entries").EnumerateObject());
        var entry = (await ready.JsonAsync()).GetProperty("entries").GetProperty("larder");
        Assert.Equal("Healthy", entry.GetProperty("status").GetString());
        Assert.Equal(SecondLevel, entry.GetProperty("data").GetProperty("secondLevel").GetString());
        Assert.All([live, ready, all], response =>
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        });
    }
}
