using Larder.Consistency.Levels;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Consistency.Tests.Interleavings;

/// <summary>Two nodes on one server, and a source whose version the test raises.</summary>
public abstract class Stage : IAsyncLifetime
{
    /// <summary>Longer than anything here takes, and shorter than what a lost invalidation lasts.</summary>
    private protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private long _version = 1;
    private int _loads;

    private protected MemoryServer Server { get; } = new();

    private protected MemoryBus Bus { get; } = new();

    private protected GatedNode One { get; private set; } = null!;

    private protected GatedNode Two { get; private set; } = null!;

    private protected int Loads => Volatile.Read(ref _loads);

    public virtual async Task InitializeAsync()
    {
        One = new GatedNode(Server, Bus, Configure);
        Two = new GatedNode(Server, Bus, Configure);
        await Poll.UntilAsync(() => One.Engine.IsTrusted && Two.Engine.IsTrusted, "both nodes hear themselves");
    }

    public async Task DisposeAsync()
    {
        await One.DisposeAsync();
        await Two.DisposeAsync();
    }

    private protected virtual void Configure(LarderOptions options)
    {
    }

    private protected void Raise() => Interlocked.Increment(ref _version);

    private protected Task<long> ReadAsync(GatedNode node, string key = "key", IEnumerable<string>? tags = null) =>
        node.Cache.GetOrCreateAsync(
            key,
            _ =>
            {
                Interlocked.Increment(ref _loads);
                return ValueTask.FromResult(Interlocked.Read(ref _version));
            },
            tags: tags).AsTask().WaitAsync(Patience);

    private protected ValueTask SetAsync(GatedNode node, string key = "key", IEnumerable<string>? tags = null) =>
        node.Cache.SetAsync(key, Interlocked.Read(ref _version), tags: tags);

    /// <summary>A place where a call stops until the test lets it go on.</summary>
    private protected sealed class Gate
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reached => _reached.Task.WaitAsync(Patience);

        public void Open() => _open.TrySetResult();

        public Task PassAsync()
        {
            _reached.TrySetResult();
            return _open.Task;
        }
    }

    /// <summary>A gate at the first call of a kind for something whose name ends so; later ones pass.</summary>
    private protected static (Gate Gate, Func<LevelCall, string, Task> Hook) GateAt(LevelCall at, string nameEnd)
    {
        var gate = new Gate();
        var met = 0;
        return (gate, (call, name) =>
            call == at && name.EndsWith(nameEnd, StringComparison.Ordinal) && Interlocked.Exchange(ref met, 1) == 0 ? gate.PassAsync() : Task.CompletedTask);
    }

    /// <summary>A failure of the first so many calls of a kind.</summary>
    private protected static Func<LevelCall, string, Task> FailAt(LevelCall at, int times = 1) => (call, _) =>
        call == at && Interlocked.Decrement(ref times) >= 0 ? Task.FromException(new IOException("A test refuses the call.")) : Task.CompletedTask;
}
