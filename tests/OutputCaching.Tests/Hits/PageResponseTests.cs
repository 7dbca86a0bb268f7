using System.Buffers;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using FsCheck.Fluent;
using Larder.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace Larder.Tests;

/// <summary>What is read of a page, against what the framework reads of the same bytes.</summary>
public sealed class PageResponseTests
{
    private static readonly MethodInfo Deserialize = typeof(OutputCacheOptions).Assembly.GetType("Microsoft.AspNetCore.OutputCaching.OutputCacheEntryFormatter", throwOnError: true)!
        .GetMethod("Deserialize", BindingFlags.Static | BindingFlags.NonPublic)!;

    private static string? Framework(byte[] content)
    {
        try
        {
            if (Deserialize.Invoke(null, [new ReadOnlyMemory<byte>(content)]) is not { } entry)
            {
                return null;
            }

            T Get<T>(string name) => (T)entry.GetType().GetProperty(name)!.GetValue(entry)!;
            var headers = new HeaderDictionary();
            var body = Get<ReadOnlySequence<byte>>("Body");
            if (!Get<ReadOnlyMemory<(string Name, StringValues Value)>>("Headers").ToArray().Any(header => header.Name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase)))
            {
                headers.ContentLength = body.Length;
            }

            foreach (var (name, values) in Get<ReadOnlyMemory<(string Name, StringValues Value)>>("Headers").Span)
            {
                headers[name] = values;
            }

            return Describe(Get<int>("StatusCode"), headers, body.ToArray());
        }
        catch (TargetInvocationException)
        {
            return null;
        }
    }

    private static string? Ours(byte[] content, int status)
    {
        if (PageResponse.Read(content, status, FrameworkInternals.CommonTexts) is var response && response == PageResponse.Unreadable)
        {
            return null;
        }

        var headers = new HeaderDictionary();
        response.CopyTo(headers);
        return Describe(status, headers, response.Body.ToArray());
    }

    private static string Describe(int status, HeaderDictionary headers, byte[] body) =>
        $"{status}|{string.Join('|', headers.Select(header => $"{header.Key}={string.Join('\n', header.Value.Select(value => value ?? "null"))}"))}|{Convert.ToHexString(body)}";

    /// <summary>The contents of pages, as the middleware stores them.</summary>
    private static async Task<Page[]> PagesAsync(IReadOnlyList<PageReply> replies)
    {
        await using var app = await PageApp.StartAsync((_, web) => web.MapGet("/{id:int}", (HttpContext http, int id) => replies[id].WriteAsync(http)).CacheRoute(route => route.Statuses = PageReply.Statuses));
        for (var id = 0; id < replies.Count; id++)
        {
            await app.GetAsync($"/{id}");
        }

        var pages = app.Store.Engine.Memory.Entries.OfType<Engine.ValueEntry<Page>>().Select(entry => entry.Value).ToArray();
        Assert.Equal(replies.Count, pages.Length);
        return pages;
    }

    [Fact]
    public void What_the_framework_keeps_to_itself_can_be_read()
    {
        Assert.True(FrameworkInternals.KnowsBasePolicies(new OutputCacheOptions()));
        Assert.Contains("nosniff", FrameworkInternals.CommonTexts);
    }

    [Fact]
    public void What_the_framework_has_no_more_is_not_known()
    {
        Assert.Null(FrameworkInternals.Read(static () => NoMember(new OutputCacheOptions())));
        Assert.Null(FrameworkInternals.Read(static () => NoType(null)));
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_NoSuchPolicies")]
    private static extern string NoMember(OutputCacheOptions options);

    [UnsafeAccessor(UnsafeAccessorKind.StaticField, Name = "Texts")]
    private static extern ref string NoType([UnsafeAccessorType("Microsoft.AspNetCore.OutputCaching.NoSuchFormatter, Microsoft.AspNetCore.OutputCaching")] object? formatter);

    [Fact]
    public async Task Every_page_of_the_framework_is_read_as_it_reads_it()
    {
        var pages = await PagesAsync(Property.Cases(PageReply.All, 200));

        Assert.All(pages, page => Assert.Equal(Assert.IsType<string>(Framework(page.Content)), Ours(page.Content, page.Status)));
    }

    [Fact]
    public async Task Whatever_became_of_the_bytes_nothing_is_served_that_the_framework_would_not_serve()
    {
        var random = new Random(17);
        var pages = await PagesAsync([.. Property.Cases(PageReply.All.Where(reply => reply.Parts.Sum() <= 100), 40), new PageReply(200, [], [], false)]);
        var (read, refused) = (0, 0);
        foreach (var page in pages)
        {
            for (var i = 0; i < 2_000; i++)
            {
                var content = Mutate([.. page.Content], random);

                // A status that fits, so that the rest is looked at as well.
                var status = content.Length > 4 ? (content[3] & 0x7F) | (content[4] << 7) : page.Status;
                if (Ours(content, status) is { } ours)
                {
                    Assert.Equal(Framework(content), ours);
                    read++;
                }
                else
                {
                    refused++;
                }
            }
        }

        Assert.True(read > 1_000 && refused > 10_000, $"{read} were read and {refused} refused");
    }

    private static byte[] Mutate(byte[] content, Random random)
    {
        for (var times = random.Next(1, 4); times > 0 && content.Length > 0; times--)
        {
            // Mostly where the numbers stand.
            var at = random.Next(2) == 0 ? random.Next(content.Length) : random.Next(Math.Min(content.Length, 12));
            switch (random.Next(5))
            {
                case 0:
                    content[at] = (byte)random.Next(256);
                    break;
                case 1:
                    content[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    content = content[..at];
                    break;
                case 3:
                    content = [.. content[..at], (byte)random.Next(256), .. content[at..]];
                    break;
                default:
                    content = [.. content[..at], .. content[Math.Min(content.Length, at + random.Next(1, 4))..]];
                    break;
            }
        }

        return content;
    }

    // Revision, moment, and the status 200.
    private static byte[] Content(params byte[] rest) => [2, 0, 0, 0xC8, 1, .. rest];

    private static byte[] Text(string text) => [.. Number(Encoding.UTF8.GetByteCount(text) << 1), .. Encoding.UTF8.GetBytes(text)];

    private static byte[] Number(int number) => number < 0x80 ? [(byte)number] : [(byte)(number | 0x80), .. Number(number >> 7)];

    private static bool IsRead(byte[] content, int status = 200) => PageResponse.Read(content, status, FrameworkInternals.CommonTexts) != PageResponse.Unreadable;

    [Fact]
    public void Only_what_is_in_every_respect_as_it_should_be_is_read()
    {
        byte[] Header(string name, string value = "v") => Content([1, .. Text(name), 1, .. Text(value), 0]);

        Assert.True(IsRead(Content(0, 0)));
        Assert.True(IsRead(Content(0, 2, 7, 7)));
        Assert.True(IsRead(Header("X-Name")));
        Assert.True(IsRead(Content([2, .. Text("A"), 0, .. Text("B"), 2, .. Text("x"), 0, 0])));
        Assert.All(
            (byte[][])
            [
                [], [3, 0, 0, 0xC8, 1, 0, 0], [2, 1, 0, 0xC8, 1, 0, 0], [2, 0, 1, 0xC8, 1, 0, 0], [2, 0, 0, 0xC9, 1, 0, 0],
                Content(), Content(0), Content(0, 1), Content(0, 1, 7, 7), Content(0, 0, 7), Content(0, 0x80, 0x80, 0x80, 0x80, 0x10), Content(0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0),
                Content(9, 0), Content([1, .. Text("A"), 9, 0]), Content(0xFF, 0xFF, 0xFF, 0xFF, 7, 0), Content([1, .. Text("A"), 0xFF, 0xFF, 0xFF, 0xFF, 7, 0]), Content([1, 0xFE, 0xFF, 0xFF, 0xFF, 7, 0]), Content(1, 200, 0, 0), Content(1, 0xFF, 0x7F, 0, 0),
                Header(""), Header("X Name"), Header("X:Name"), Header("X-N\u00E4me"), Header("X-Name", "a\r\nSet-Cookie: b"), Header("X-Name", "\0"),
                Header("Content-Length"), Header("age"), Header("Request-ID"), Content([2, .. Text("A"), 0, .. Text("a"), 0, 0]),
                Content(1, 2, 0xFF, 1, 2, (byte)'v', 0), Content([1, .. Text("A"), 1, 2, 0xFF, 0]),
                Header("X-Name", new string('v', 5_000)),
            ],
            content => Assert.False(IsRead(content), Convert.ToHexString(content)));
        Assert.False(IsRead(Content(0, 0), 404));
        Assert.False(IsRead([2, 0, 0, 100, 0, 0], 100));
    }

    [Fact]
    public void A_length_is_said_unless_the_response_says_how_it_is_transferred()
    {
        HeaderDictionary Headers(string name)
        {
            var headers = new HeaderDictionary();
            PageResponse.Read(Content([1, .. Text(name), 1, .. Text("chunked"), 1, 7]), 200, []).CopyTo(headers);
            return headers;
        }

        Assert.Equal(1, Headers("X-Name").ContentLength);
        Assert.Null(Headers("transfer-encoding").ContentLength);
    }

    [Fact]
    public void Without_the_frameworks_list_no_text_of_it_is_read()
    {
        var content = Content(1, 3, 0, 0);

        Assert.NotEqual(PageResponse.Unreadable, PageResponse.Read(content, 200, FrameworkInternals.CommonTexts));
        Assert.Equal(PageResponse.Unreadable, PageResponse.Read(content, 200, []));
    }

    [Fact]
    public void What_one_response_does_to_its_headers_no_other_sees()
    {
        var response = PageResponse.Read(Content([1, .. Text("A"), 2, .. Text("x"), .. Text("y"), 0]), 200, []);
        var (one, two) = (new HeaderDictionary(), new HeaderDictionary());
        response.CopyTo(one);
        one["A"].ToArray()[0] = "mine";
        response.CopyTo(two);

        Assert.Equal("x,y", two["A"].ToString());
    }
}
