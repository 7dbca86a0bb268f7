using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Policies;

/// <summary>Engines and sources for the edges of the policies: what happens between two steps, and at the ends of what may be said.</summary>
/// <remarks>
/// In memory alone a call without timeouts runs on its caller's thread until it has to wait, so when it returns an unfinished task it has
/// joined what it joins.
/// </remarks>
public abstract class PolicyEdge : IAsyncLifetime
{
    private protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private protected static readonly Func<CacheEntryContext, CancellationToken, ValueTask<string?>> Down = (_, _) => ValueTask.FromException<string?>(new IOException("down"));

    private protected static readonly CacheEntryPolicy Early = new() { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.8 };

    private static readonly CacheScope Acme = new("acme");

    private readonly List<CacheEngine> _engines = [];

    private protected SteppedClock Clock { get; } = new();

    private protected NoteSerializer Notes { get; } = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var engine in _engines)
        {
            await engine.DisposeAsync().AsTask().WaitAsync(Patience);
        }
    }

    private protected CacheEngine InMemory(Action<LarderOptions>? configure = null, TimeProvider? time = null) => Start(null, null, configure, time);

    private protected CacheEngine Start(SecondLevel? second, MemoryBus? bus = null, Action<LarderOptions>? configure = null, TimeProvider? time = null)
    {
        var engine = TestEngine.Create(
            second,
            bus?.Connect(),
            options =>
            {
                // A busy machine must not look like a server that is away.
                options.SecondLevelTimeout = TimeSpan.FromSeconds(10);
                options.BackplaneTimeout = TimeSpan.FromSeconds(60);
                configure?.Invoke(options);
            },
            time ?? Clock,
            register: services => services.AddSingleton<IHybridCacheSerializer<Note>>(Notes));
        _engines.Add(engine);
        return engine;
    }

    /// <summary>A node that shares a plain store with others.</summary>
    private protected CacheEngine Plain(TestDistributedCache store, Action<LarderOptions>? configure = null) =>
        Start(new DistributedSecondLevel(store, "larder:", Clock), null, configure);

    private protected static HybridCache Cache(CacheEngine engine) => new ScopedHybridCache(engine, Acme);

    private protected static ScopeState Scope(CacheEngine engine) => engine.Scope(Acme);

    private protected static Func<CacheEntryContext, CancellationToken, ValueTask<string?>> Value(string? value) => (_, _) => new(value);

    private protected static Func<CacheEntryContext, CancellationToken, ValueTask<Note>> Written(string text) => (_, _) => new(new Note { Text = text });

    private protected static ValueTask<string?> NotFound(CacheEntryContext entry)
    {
        entry.NotFound();
        return new((string?)null);
    }

    private protected static async Task TrustAsync(params CacheEngine[] engines)
    {
        foreach (var engine in engines)
        {
            await Poll.UntilAsync(() => engine.IsTrusted, "the node hears itself");
        }
    }

    /// <summary>A load in the background is counted before the call that starts it has ended.</summary>
    private protected static Task SettleAsync(CacheEngine engine) => Poll.UntilAsync(() => engine.RefreshCount == 0, "no load runs in the background");

    /// <summary>Waits for the end without looking at it, so that no timeout of the test is taken for one of the cache.</summary>
    private protected static Task EndAsync(Task call) => Poll.UntilAsync(() => call.IsCompleted, "the call has ended");

    /// <summary>Holds up the first readers of a note, each on its thread, until the test lets it go on.</summary>
    private protected sealed class HeldReads
    {
        private readonly Turn[] _turns;
        private int _reads;

        public HeldReads(NoteSerializer notes, int count)
        {
            _turns = [.. Enumerable.Range(0, count).Select(_ => new Turn())];
            notes.BeforeRead = () =>
            {
                var turn = Interlocked.Increment(ref _reads) - 1;
                if (turn < count)
                {
                    _turns[turn].Pass();
                }
            };
        }

        public Task Reached(int turn) => _turns[turn].Reached;

        public void LetGo(int turn) => _turns[turn].Open();

        private sealed class Turn
        {
            private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
            private readonly ManualResetEventSlim _open = new();

            public Task Reached => _reached.Task.WaitAsync(Patience);

            public void Open() => _open.Set();

            public void Pass()
            {
                _reached.SetResult();
                Assert.True(_open.Wait(Patience), "The test did not let the reader go on.");
            }
        }
    }
}
