using System.Buffers;
using System.IO.Pipelines;
using Larder.Http;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>What the middleware and others may expect of an output-cache store, on keys of their own.</summary>
public abstract class StoreContract : IAsyncLifetime
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private PageApp _app = null!;

    private protected abstract PageBackend Backend { get; }

    private IOutputCacheBufferStore Store => (IOutputCacheBufferStore)_app.Services.GetRequiredService<IOutputCacheStore>();

    public async Task InitializeAsync() => _app = await Backend.StartAsync((_, _) => { });

    public async Task DisposeAsync() => await Backend.DisposeAsync();

    private static byte[] Bytes(int length, int seed = 1)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private ValueTask SetAsync(string key, byte[] value, params string[] tags) => Store.SetAsync(key, value, tags, Minute, default);

    [ContractTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_536)]
    [InlineData(1_048_576)]
    [InlineData(5_000_000)]
    public async Task What_is_set_is_got_byte_by_byte_on_this_node_and_another(int length)
    {
        var value = Bytes(length);
        await SetAsync("key", value);

        Assert.Equal(value, await Store.GetAsync("key", default));
        if (Backend.IsShared)
        {
            var other = await Backend.StartAsync((_, _) => { });
            Assert.Equal(value, await other.Store.GetAsync("key", default));
        }
    }

    [ContractFact]
    public async Task A_key_that_was_not_set_is_null_and_may_be_any_text()
    {
        foreach (var key in new[] { "missing", "a b", "\u001E\u001F", "%", "%page:", "{x}", "é\uD800", new string('k', 20_000), "larder:ticket:0123456789abcdef" })
        {
            Assert.Null(await Store.GetAsync(key, default));
            await SetAsync(key, [1]);
            Assert.Equal([1], await Store.GetAsync(key, default));
        }

    }

    [ContractFact]
    public async Task A_ticket_leads_nowhere_when_its_request_has_ended()
    {
        var ticket = "around " + ((PageStore)Store).Tickets.KeyOf(1_000) + " it";
        Assert.Null(await Store.GetAsync(ticket, default));
        await SetAsync(ticket, [1]);
        Assert.Null(await Store.GetAsync(ticket, default));
    }

    [ContractFact]
    public async Task The_last_write_wins_and_bytes_that_look_like_a_response_are_left_alone()
    {
        await SetAsync("key", [1, 2, 3]);
        await SetAsync("key", [2, 200, 1, 9, 77]);

        Assert.Equal([2, 200, 1, 9, 77], await Store.GetAsync("key", default));
    }

    [ContractFact]
    public async Task An_entry_ends_with_its_time()
    {
        await SetAsync("key", [1]);
        await Backend.AdvanceAsync(Minute - TimeSpan.FromSeconds(1));
        Assert.NotNull(await Store.GetAsync("key", default));
        await Backend.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.Null(await Store.GetAsync("key", default));
    }

    [ContractFact]
    public async Task A_tag_evicts_what_has_it_and_nothing_else()
    {
        await SetAsync("both", [1], "red", "blue");
        await SetAsync("red", [2], "red");
        await SetAsync("none", [3]);

        await Store.EvictByTagAsync("green", default);
        await Store.EvictByTagAsync("blue", default);

        Assert.Null(await Store.GetAsync("both", default));
        Assert.Equal([2], await Store.GetAsync("red", default));
        Assert.Equal([3], await Store.GetAsync("none", default));
        await SetAsync("both", [4], "blue");
        Assert.Equal([4], await Store.GetAsync("both", default));
    }

    [ContractFact]
    public async Task The_callers_memory_is_free_when_the_call_has_returned()
    {
        var value = Bytes(10_000);
        var (lent, tags) = (value.ToArray(), new[] { "red" });
        var set = Store.SetAsync("key", new ReadOnlySequence<byte>(lent), tags, Minute, default);
        Array.Clear(lent);
        tags[0] = "blue";
        await set;

        Assert.Equal(value, await Store.GetAsync("key", default));
        await Store.EvictByTagAsync("red", default);
        Assert.Null(await Store.GetAsync("key", default));
    }

    [ContractFact]
    public async Task Several_segments_are_joined()
    {
        var first = new Segment([1, 2]);
        var last = first.Append([3, 4, 5]);
        await Store.SetAsync("key", new ReadOnlySequence<byte>(first, 1, last, 2), default, Minute, default);

        Assert.Equal([2, 3, 4], await Store.GetAsync("key", default));
    }

    [ContractFact]
    public async Task A_hit_in_memory_is_the_very_array()
    {
        await SetAsync("key", Bytes(1_000_000));

        Assert.Same(await Store.GetAsync("key", default), await Store.GetAsync("key", default));
    }

    [ContractFact]
    public async Task A_pipe_gets_the_bytes_too()
    {
        await SetAsync("key", [1, 2]);
        var pipe = new Pipe();

        Assert.True(await Store.TryGetAsync("key", pipe.Writer, default));
        Assert.False(await Store.TryGetAsync("other", pipe.Writer, default));
        Assert.Equal([1, 2], (await pipe.Reader.ReadAsync()).Buffer.ToArray());
    }

    [ContractFact]
    public async Task A_call_that_is_cancelled_says_so()
    {
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.GetAsync("key", cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.SetAsync("key", [1], null, Minute, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.EvictByTagAsync("red", cancelled));
        Assert.Null(await Store.GetAsync("key", default));
    }

    [ContractFact]
    public async Task Tenants_share_no_entry_and_no_tag()
    {
        async Task<byte[]?> GetAs(string tenant)
        {
            using (CacheScope.Use(new CacheScope(tenant, "p", "any namespace")))
            {
                return await Store.GetAsync("key", default);
            }
        }

        foreach (var tenant in (string[])["acme", "globex"])
        {
            using (CacheScope.Use(new CacheScope(tenant, "p")))
            {
                await SetAsync("key", System.Text.Encoding.UTF8.GetBytes(tenant), "red");
            }
        }

        await Store.EvictByTagAsync("red", default);
        await Store.EvictByTagAsync(new CacheScope("acme", "p"), "red");

        Assert.Null(await GetAs("acme"));
        Assert.Equal("globex"u8.ToArray(), await GetAs("globex"));
        Assert.Null(await Store.GetAsync("key", default));
    }

    [ContractFact]
    public async Task What_drops_data_drops_pages_and_no_key_of_data_is_a_pages()
    {
        await SetAsync("key", [1], "red");
        await _app.Cache.SetAsync("key", new byte[] { 9 });
        await _app.Cache.RemoveAsync("key");
        Assert.Equal([1], await Store.GetAsync("key", default));

        await _app.Cache.RemoveByTagAsync("red");
        Assert.Null(await Store.GetAsync("key", default));
        await SetAsync("key", [2]);
        await _app.Cache.RemoveByTagAsync("*");
        Assert.Null(await Store.GetAsync("key", default));
        await SetAsync("key", [3]);
        await _app.Services.GetRequiredService<ICacheAdmin>().ClearAllAsync();
        Assert.Null(await Store.GetAsync("key", default));
    }

    [ContractFact]
    public async Task A_page_and_data_under_the_very_key_have_nothing_in_common()
    {
        await SetAsync("key", [1]);
        var page = _app.Store.Engine.Memory.Entries.Single();

        Assert.False((await _app.Cache.TryGetAsync<byte[]>(page.Key)).IsFound);
        await _app.Cache.SetAsync(page.Key, "evil"u8.ToArray());
        await _app.Cache.SetAsync("%page:" + page.Key, "evil"u8.ToArray());
        Assert.Equal([1], await Store.GetAsync("key", default));
        if (Backend.IsShared)
        {
            var other = await Backend.StartAsync((_, _) => { });
            Assert.Equal([1], await other.Store.GetAsync("key", default));
        }

        await _app.Cache.RemoveAsync(page.Key);
        await _app.Cache.RemoveAsync("%page:" + page.Key);
        Assert.Equal([1], await Store.GetAsync("key", default));
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] memory) => Memory = memory;

        public Segment Append(byte[] memory)
        {
            var next = new Segment(memory) { RunningIndex = RunningIndex + Memory.Length };
            Next = next;
            return next;
        }
    }
}

public class MemoryStoreTests : StoreContract
{
    private protected override PageBackend Backend { get; } = new(null);
}

[NeedsServer(ServerKind.Redis)]
public class RedisStoreTests : StoreContract
{
    private protected override PageBackend Backend { get; } = new(ServerKind.Redis);
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyStoreTests : StoreContract
{
    private protected override PageBackend Backend { get; } = new(ServerKind.Valkey);
}

[NeedsServer(ServerKind.RedisCluster)]
public class ClusterStoreTests : StoreContract
{
    private protected override PageBackend Backend { get; } = new(ServerKind.RedisCluster);
}
