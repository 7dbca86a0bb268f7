using Larder.Engine;
using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>What callers get who join a load, or come while one looks into memory.</summary>
public sealed class JoinedLoadTests : IAsyncDisposable
{
    private readonly NoteSerializer _serializer = new();
    private readonly TestSecondLevel _level = new();
    private readonly CacheEngine _engine;
    private readonly HybridCache _cache;

    public JoinedLoadTests()
    {
        _engine = TestEngine.InMemory(register: Register);
        _cache = new ScopedHybridCache(_engine, CacheScope.Raw);
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Fact]
    public async Task Who_joined_a_load_whose_value_cannot_be_read_back_loads_for_itself()
    {
        var source = new GatedFactory<Note>();
        var leading = _cache.GetOrCreateAsync("key", source.LoadAsync).AsTask();
        await source.Started;
        var joining = _cache.GetOrCreateAsync("key", _ => Own()).AsTask();
        var joiningToo = _cache.GetOrCreateAsync("key", (_, _) => Own(), (CacheEntryPolicy?)null).AsTask();
        _serializer.BeforeRead = () => throw new FormatException("a test");
        source.Answer(new Note { Text = "shared" });

        Assert.Equal(("shared", "own", "own"), ((await leading).Text, (await joining).Text, (await joiningToo).Text));
    }

    [Fact]
    public async Task Who_only_looks_and_joined_another_whose_value_cannot_be_read_back_finds_nothing()
    {
        await using var engine = TestEngine.Create(_level, null, TestEngine.Patient, register: Register);
        var cache = new ScopedHybridCache(engine, CacheScope.Raw);
        await cache.SetAsync("key", new Note { Text = "stored" }, new() { Flags = HybridCacheEntryFlags.DisableLocalCacheWrite });
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _level.Before = (call, _) => call == "Get" ? answer.Task : Task.CompletedTask;
        var leading = cache.TryGetAsync<Note>("key").AsTask();
        var joining = cache.TryGetAsync<Note>("key").AsTask();
        var reads = 0;
        _serializer.BeforeRead = () =>
        {
            if (Interlocked.Increment(ref reads) > 1)
            {
                throw new FormatException("a test");
            }
        };
        answer.SetResult();

        Assert.Equal("stored", (await leading).Value!.Text);
        Assert.False((await joining).IsFound);
        Assert.Equal(2, reads);
    }

    /// <summary>The load that ended in between has stored an entry that a removal overtook.</summary>
    [Fact]
    public async Task An_entry_whose_tag_was_removed_meanwhile_is_not_served_by_the_last_look()
    {
        var read = await _cache.GetOrCreateAsync("key", _ => Own(), tags: AfterTheFirstLook(async () =>
        {
            await _cache.SetAsync("key", new Note { Text = "stored" }, tags: ["tag"]);
            await _cache.RemoveByTagAsync("tag");
        }));

        Assert.Equal("own", read.Text);
    }

    /// <summary>The last look has found the entry to be good, and now a tag of it is removed that no caller names.</summary>
    [Fact]
    public async Task Who_comes_after_a_tags_removal_does_not_join_a_look_that_found_an_entry_with_it()
    {
        Task<Note>? after = null;
        _serializer.BeforeRead = () =>
        {
            _serializer.BeforeRead = null;
            Assert.True(_cache.RemoveByTagAsync("tag").IsCompletedSuccessfully);
            after = _cache.GetOrCreateAsync("key", _ => Own()).AsTask();
        };

        var before = await _cache.GetOrCreateAsync("key", _ => Own(), tags: AfterTheFirstLook(async () =>
            await _cache.SetAsync("key", new Note { Text = "stored" }, tags: ["tag"])));

        Assert.Equal("stored", before.Text);
        Assert.Equal("own", (await after!).Text);
    }

    private static ValueTask<Note> Own() => new(new Note { Text = "own" });

    /// <summary>A call looks into memory, then at its tags, and then into memory again, as the leader of a load.</summary>
    private static IEnumerable<string> AfterTheFirstLook(Func<Task> then)
    {
        Assert.True(then().IsCompletedSuccessfully);
        yield return "other";
    }

    private void Register(IServiceCollection services) => services.AddSingleton<IHybridCacheSerializer<Note>>(_serializer);
}
