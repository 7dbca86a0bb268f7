using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Resources;

/// <summary>Reads and writes of a resource, over memory and each kind of server.</summary>
public abstract class ResourceContract(ServerKind? kind) : LarderContract
{
    private readonly Dictionary<string, int> _loads = [];
    private string _stored = "v1";

    private protected override Backend Backend { get; } = kind is { } server ? Backend.Of(server) : Backend.Memory();

    private CacheResource<int> User => Cache.Resource<int>("user");

    [ContractFact]
    public async Task A_read_is_cached_under_its_key_and_carries_the_tag_of_its_id()
    {
        Assert.Equal("v1", await ProfileAsync(42));
        _stored = "v2";
        Assert.Equal("v1", await ProfileAsync(42));
        Assert.Equal("v1", (await Cache.TryGetAsync<string>("user:profile:42")).Value);
        Assert.Equal("v1", (await User.TryReadAsync<string>(42, "profile")).Value);
        Assert.Equal(("user:profile:42", "user:42"), (User.KeyOf(42, "profile"), User.TagOf(42)));

        await Cache.RemoveByTagAsync("user:42");
        Assert.Equal(CacheResultKind.Missing, (await User.TryReadAsync<string>(42, "profile")).Kind);
        Assert.Equal("v2", await ProfileAsync(42));
    }

    [ContractFact]
    public async Task A_write_invalidates_all_reads_of_its_id_on_all_nodes_and_no_other()
    {
        var other = Backend.IsShared ? (await StartAsync(null)).Cache.Resource<int>("user") : User;
        await ProfileAsync(42);
        await ProfileAsync(43);
        await PostsAsync(42, 1);
        await PostsAsync(42, 2);
        Assert.Equal("v1", await other.ReadAsync(42, "profile", LoadAsync));

        Assert.Equal("saved", await User.WriteAsync(42, _ =>
        {
            _stored = "v2";
            return new ValueTask<string>("saved");
        }));
        Assert.Equal(("v2", "v2", "v2", "v1"), (await ProfileAsync(42), await PostsAsync(42, 1), await PostsAsync(42, 2), await ProfileAsync(43)));
        await Poll.UntilAsync(async () => await other.ReadAsync(42, "profile", LoadAsync) == "v2", "the other node hears of the write");

        await User.WriteAsync(42, _ =>
        {
            _stored = "v3";
            return ValueTask.CompletedTask;
        });
        Assert.Equal("v3", await ProfileAsync(42));
        _stored = "v4";
        await User.InvalidateAsync(42);
        Assert.Equal("v4", await ProfileAsync(42));
    }

    [ContractFact]
    public async Task A_load_that_reads_before_or_during_a_write_does_not_outlive_it()
    {
        // Begun before the write, and what it read is what the write replaces.
        var loads = new Gate();
        var before = loads.ReadAsync(User, _stored);
        await loads.Entered;
        var during = new Gate();
        var lateRead = Task.CompletedTask;
        await User.WriteAsync(42, async _ =>
        {
            _stored = "v2";
            lateRead = during.ReadAsync(User, "v2 half", "other");
            await during.Entered;
        });
        loads.Open();
        during.Open();
        await before;
        await lateRead;

        Assert.Equal("v2", await ProfileAsync(42));
        Assert.Equal("v2", await User.ReadAsync(42, "other", LoadAsync));
    }

    [ContractFact]
    public async Task A_write_that_fails_or_is_cancelled_invalidates_too_unless_it_is_told_not_to()
    {
        foreach (var cancels in new[] { false, true })
        {
            foreach (var invalidates in new[] { true, false })
            {
                _stored = "before";
                await User.InvalidateAsync(42);
                await ProfileAsync(42);
                using var cancellation = new CancellationTokenSource();
                var write = User.WriteAsync(
                    42,
                    async token =>
                    {
                        _stored = "perhaps";
                        if (cancels)
                        {
                            await cancellation.CancelAsync();
                            token.ThrowIfCancellationRequested();
                        }

                        throw new InvalidOperationException("broken");
                    },
                    new ResourceWriteOptions { InvalidatesAfterFailure = invalidates, Recache = _ => throw new Xunit.Sdk.XunitException("Not after a failed write.") },
                    cancellation.Token).AsTask();
                var thrown = await Assert.ThrowsAnyAsync<Exception>(() => write);
                Assert.IsType(cancels ? typeof(OperationCanceledException) : typeof(InvalidOperationException), thrown);
                Assert.Equal(invalidates ? "perhaps" : "before", await ProfileAsync(42));
            }
        }
    }

    [ContractFact]
    public async Task Cancellation_after_the_write_does_not_leave_the_invalidation_out()
    {
        await ProfileAsync(42);
        using var cancellation = new CancellationTokenSource();
        var recached = false;
        await User.WriteAsync(
            42,
            async _ =>
            {
                _stored = "v2";
                await cancellation.CancelAsync();
            },
            new ResourceWriteOptions { Recache = _ => { recached = true; return ValueTask.CompletedTask; } },
            cancellation.Token);
        Assert.Equal("v2", await ProfileAsync(42));
        Assert.False(recached);

        // Before the write nothing has happened yet, and nothing does.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await User.WriteAsync(42, _ => throw new Xunit.Sdk.XunitException("Cancelled."), null, cancellation.Token));
    }

    [ContractFact]
    public async Task Reads_are_loaded_again_after_a_write_with_the_parameters_chosen()
    {
        await User.WriteAsync(
            42,
            _ =>
            {
                _stored = "v2";
                return ValueTask.CompletedTask;
            },
            new ResourceWriteOptions
            {
                Recache = async _ =>
                {
                    await ProfileAsync(42);
                    await PostsAsync(42, 2);
                },
            });
        Assert.Equal("v2", (await User.TryReadAsync<string>(42, "profile")).Value);
        Assert.Equal("v2", (await User.TryReadAsync<string>(42, "posts", [2])).Value);
        Assert.False((await User.TryReadAsync<string>(42, "posts", [1])).IsFound);
    }

    [ContractFact]
    public async Task A_recaching_that_fails_does_not_fail_the_write()
    {
        await ProfileAsync(42);
        Assert.Equal(7, await User.WriteAsync(
            42,
            _ =>
            {
                _stored = "v2";
                return new ValueTask<int>(7);
            },
            new ResourceWriteOptions { Recache = _ => throw new InvalidOperationException("broken") }));
        Assert.Equal("v2", await ProfileAsync(42));
    }

    [ContractFact]
    public async Task An_entry_that_shows_several_resources_goes_with_each_of_them()
    {
        var role = Cache.Resource<string>("role");
        var options = new ResourceReadOptions { Parameters = ["admin"], Tags = [role.TagOf("admin")] };
        foreach (var write in new Func<Task>[]
        {
            () => User.WriteAsync(42, _ => ValueTask.CompletedTask).AsTask(),
            () => role.WriteAsync("admin", _ => ValueTask.CompletedTask).AsTask(),
            () => Cache.Resource<Guid>("tenant").WriteAsync(Guid.NewGuid(), _ => ValueTask.CompletedTask, new ResourceWriteOptions { Tags = [User.TagOf(42)] }).AsTask(),
        })
        {
            await User.ReadAsync(42, "permissions", LoadAsync, options);
            Assert.True((await User.TryReadAsync<string>(42, "permissions", ["admin"])).IsFound);
            await write();
            Assert.False((await User.TryReadAsync<string>(42, "permissions", ["admin"])).IsFound);
        }
    }

    [ContractFact]
    public async Task What_was_not_found_is_remembered_and_a_write_ends_that()
    {
        var loads = 0;
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(await User.ReadAsync<string?>(42, "null", (_, _) =>
            {
                loads++;
                return new ValueTask<string?>((string?)null);
            }));
            Assert.Equal("nobody", await User.ReadAsync(42, "said", (_, entry, _) =>
            {
                loads++;
                entry.NotFound();
                return new ValueTask<string>("nobody");
            }) ?? "nobody");
        }

        Assert.Equal(2, loads);
        Assert.Equal(CacheResultKind.NotFound, (await User.TryReadAsync<string>(42, "null")).Kind);
        Assert.Equal(CacheResultKind.NotFound, (await User.TryReadAsync<string>(42, "said")).Kind);
        await User.WriteAsync(42, _ => ValueTask.CompletedTask);
        Assert.Equal(CacheResultKind.Missing, (await User.TryReadAsync<string>(42, "null")).Kind);
        Assert.Equal("v1", await User.ReadAsync(42, "null", LoadAsync));
    }

    [ContractFact]
    public async Task No_two_ids_share_an_entry_or_a_tag_whatever_they_contain()
    {
        string[] ids = ["", " ", "*", ":", "a", "A", "a:b", "'a'", "'a':'b'", "\\", "{a}", "{id}", "42", "null", "sha256'x'", "\0", "é", "e\u0301", "\uD800", "\uDFFF", new('x', 300), new('x', 10_240), new string('x', 10_240) + "y"];
        var resources = new[] { Cache.Resource<object>("r"), Cache.Resource<object>("r.b"), Cache.InScope(new CacheScope("acme")).Resource<object>("r") };
        object[] others = [42, 42m, 42d, '*', true, Guid.Empty, (1, 2), new OrderId(Guid.Empty), new OrderId(Guid.AllBitsSet), DayOfWeek.Friday, (int)DayOfWeek.Friday, new[] { 4, 2 }];
        var all = (from resource in resources from id in ids.Concat(others) select (Resource: resource, Id: id)).ToArray();
        for (var i = 0; i < all.Length; i++)
        {
            var value = i;
            Assert.Equal(i, await all[i].Resource.ReadAsync(all[i].Id, "read", (_, _) => new ValueTask<int>(value)));
        }

        for (var i = 0; i < all.Length; i++)
        {
            Assert.Equal(i, (await all[i].Resource.TryReadAsync<int>(all[i].Id, "read")).Value);
        }

        // Each is gone with its own write, and none before.
        for (var i = 0; i < all.Length; i++)
        {
            Assert.True((await all[i].Resource.TryReadAsync<int>(all[i].Id, "read")).IsFound, $"{all[i].Id} went with another.");
            await all[i].Resource.WriteAsync(all[i].Id, _ => ValueTask.CompletedTask);
            Assert.False((await all[i].Resource.TryReadAsync<int>(all[i].Id, "read")).IsFound);
        }
    }

    [ContractFact]
    public async Task The_scope_of_a_write_is_that_of_its_call()
    {
        CacheScope acme = new("acme");
        using (CacheScope.Use(acme))
        {
            await ProfileAsync(42);
        }

        await ProfileAsync(42);
        _stored = "v2";
        Task write;
        var gate = new TaskCompletionSource();
        using (CacheScope.Use(acme))
        {
            write = User.WriteAsync(42, _ => new ValueTask(gate.Task)).AsTask();
        }

        gate.SetResult();
        await write;
        Assert.Equal("v1", await ProfileAsync(42));
        Assert.Equal("v2", await Cache.InScope(acme).Resource<int>("user").ReadAsync(42, "profile", LoadAsync));
    }

    [ContractFact]
    public async Task The_policy_of_the_resource_holds_where_a_read_has_none()
    {
        var brief = Cache.Resource<int>("brief", new CacheEntryPolicy { Expiration = TimeSpan.FromSeconds(10) });
        await brief.ReadAsync(1, "own", LoadAsync, new ResourceReadOptions { Policy = new CacheEntryPolicy { Expiration = TimeSpan.FromHours(1) } });
        await brief.ReadAsync(1, "default", LoadAsync);
        await AdvanceAsync(TimeSpan.FromSeconds(11));

        Assert.True((await brief.TryReadAsync<string>(1, "own")).IsFound);
        Assert.False((await brief.TryReadAsync<string>(1, "default")).IsFound);
    }

    private ValueTask<string> ProfileAsync(int id) => User.ReadAsync(id, "profile", LoadAsync);

    private ValueTask<string> PostsAsync(int id, int page) => User.ReadAsync(id, "posts", LoadAsync, new ResourceReadOptions { Parameters = [page] });

    private ValueTask<string> LoadAsync<TId>(TId id, CancellationToken cancellationToken)
    {
        lock (_loads)
        {
            _loads[$"{id}"] = _loads.GetValueOrDefault($"{id}") + 1;
        }

        return new ValueTask<string>(_stored);
    }

    private readonly record struct OrderId(Guid Value);

    private sealed class Gate
    {
        private readonly TaskCompletionSource _entered = new();
        private readonly TaskCompletionSource _open = new();

        public Task Entered => _entered.Task;

        public void Open() => _open.SetResult();

        public Task ReadAsync(CacheResource<int> user, string value, string read = "profile") => user.ReadAsync(42, read, async (_, _) =>
        {
            _entered.SetResult();
            await _open.Task;
            return value;
        }).AsTask();
    }
}

public sealed class InMemoryResourceTests() : ResourceContract(null);

[NeedsServer(ServerKind.Redis)]
public sealed class RedisResourceTests() : ResourceContract(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyResourceTests() : ResourceContract(ServerKind.Valkey);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterResourceTests() : ResourceContract(ServerKind.RedisCluster);
