using System.Net;
using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests;

/// <summary>What the sample does besides where a server connects its nodes.</summary>
public abstract class ServerCatalogContract : CatalogContract
{
    protected override string SecondLevel => "server";

    [ContractFact]
    public async Task A_second_node_finds_the_page_of_the_first_and_the_data()
    {
        await using var other = await StartAsync(sharedWith: Host);
        using var first = await Client.GetAsync("/t/acme/products/20");
        using var second = await other.CreateClient().GetAsync("/t/acme/products/20");

        Assert.Equal((Responses.Miss, "miss"), (first.CacheStatus(), first.DataCache()));
        Assert.True(second.IsHit());

        // The same product by another address is another page.
        using var third = await other.CreateClient().GetForAsync("/products/20", "acme");
        Assert.Equal((Responses.Miss, "hit"), (third.CacheStatus(), third.DataCache()));
    }

    [ContractFact]
    public async Task An_update_on_one_node_drops_data_and_pages_of_the_other()
    {
        await using var other = await StartAsync(sharedWith: Host);
        var otherClient = other.CreateClient();
        const string path = "/t/acme/products/21";
        (await Client.GetAsync(path)).Dispose();
        (await otherClient.GetAsync(path)).Dispose();
        using var cached = await otherClient.GetAsync(path);
        Assert.True(cached.IsHit());

        using var update = await Client.WriteAsync(HttpMethod.Put, path, Responses.Draft("Seen everywhere", "ACM-00021"));
        Assert.Equal(HttpStatusCode.OK, update.StatusCode);

        await Poll.UntilAsync(async () =>
        {
            using var read = await otherClient.GetAsync(path);
            return (await read.ProductAsync()).Name == "Seen everywhere";
        }, "the other node serves the new product", TimeSpan.FromSeconds(20));
    }
}
