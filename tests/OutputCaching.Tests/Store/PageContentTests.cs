using System.Buffers;
using Larder.Http;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>The bytes of a page, in memory and at the second level.</summary>
public sealed class PageContentTests
{
    private static readonly PageSerializer Serializer = new();

    [Theory]
    [InlineData(new byte[] { 2, 0x80, 0x80, 0x01, 120, 0xC8, 0x01, 9, 8 }, new byte[] { 2, 0, 0, 0x94, 0x03, 9, 8 })]
    [InlineData(new byte[] { 2, 5, 0, 7 }, new byte[] { 2, 0, 0, 0x94, 0x03 })]
    [InlineData(new byte[] { 3, 0x80, 0x01, 0, 9 }, new byte[] { 3, 0x80, 0x01, 0, 9 })]
    [InlineData(new byte[] { 2, 0x80, 0x80 }, new byte[] { 2, 0x80, 0x80 })]
    [InlineData(new byte[] { 2, 0, 0, 0x80 }, new byte[] { 2, 0, 0, 0x80 })]
    [InlineData(new byte[0], new byte[0])]
    public void The_moment_of_a_response_is_taken_out_and_its_last_status_put_in_if_its_form_is_known(byte[] response, byte[] expected) =>
        Assert.Equal(expected, PageContent.Copy(new ReadOnlySequence<byte>(response), 404));

    [Fact]
    public async Task The_frameworks_form_is_the_one_that_is_known()
    {
        // Otherwise a node whose clock is behind would have no hits.
        await using var backend = new PageBackend(null);
        var app = await backend.StartAsync((_, web) => web.MapGet("/p", () => "body").CacheRoute());
        await app.GetAsync("/p");
        var page = app.Store.Engine.Memory.Entries.OfType<Engine.ValueEntry<Page>>().Single().Value;

        Assert.Equal([2, 0, 0], page.Content[..3]);
        Assert.Equal("body"u8.ToArray(), page.Content[^4..]);
        Assert.Equal(200, page.Status);
    }

    [Fact]
    public void A_page_comes_back_as_it_went()
    {
        var target = new ArrayBufferWriter<byte>();
        Serializer.Serialize(new Page([1, 2, 3]) { Created = 1_700_000_000_123, Life = 60_000, Status = 404 }, target);
        var page = Serializer.Deserialize(new ReadOnlySequence<byte>(target.WrittenMemory));

        Assert.Equal((1_700_000_000_123, 60_000, 404), (page.Created, page.Life, page.Status));
        Assert.Equal([1, 2, 3], page.Content);
        Assert.Equal(page.Size, target.WrittenCount);
    }

    [Fact]
    public void What_is_no_page_is_refused()
    {
        Assert.Throws<InvalidDataException>(() => Serializer.Deserialize(new ReadOnlySequence<byte>(new byte[18])));
        Assert.Throws<InvalidDataException>(() => Serializer.Deserialize(new ReadOnlySequence<byte>(new byte[19])));
    }
}
