using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Policies;

public abstract partial class PolicyContract
{
    private static readonly CacheEntryPolicy Soft = new()
    {
        Expiration = TimeSpan.FromMinutes(1),
        StaleIfError = TimeSpan.FromMinutes(10),
        SoftTimeout = TimeSpan.FromMilliseconds(20),
    };

    private static readonly CacheEntryPolicy Hard = new()
    {
        Expiration = TimeSpan.FromMinutes(1),
        HardTimeout = TimeSpan.FromMilliseconds(20),
    };

    [ContractFact]
    public async Task After_the_soft_timeout_a_stale_value_stands_in_and_the_load_goes_on()
    {
        await ReadAsync("key", Value("old"), Soft);
        Clock.Advance(TimeSpan.FromMinutes(2));
        var gate = new GatedFactory<string?>();

        Assert.Equal("old", await ReadAsync("key", (_, token) => gate.LoadAsync(token), Soft));
        Assert.Equal("old", await ReadAsync("key", (_, token) => gate.LoadAsync(token), Soft));

        // A stale value stands in as soon as the factory is about to be called.
        await gate.Started;
        Assert.Equal(1, gate.Calls);

        gate.Answer("new");
        await Poll.UntilAsync(async () => (await Cache.TryGetAsync<string>("key")).Value == "new", "the load's result is stored");
        Assert.Equal("new", await ReadAsync("key", Value("unused"), Soft));
    }

    [ContractFact]
    public async Task Without_a_stale_value_the_soft_timeout_does_not_count()
    {
        var gate = new GatedFactory<string?>();
        var read = ReadAsync("key", (_, token) => gate.LoadAsync(token), Soft).AsTask();
        await gate.Started;
        var slow = await Task.WhenAny(read, Task.Delay(Soft.SoftTimeout!.Value * 3));
        Assert.NotSame(read, slow);

        gate.Answer("new");
        Assert.Equal("new", await read);
    }

    [ContractFact]
    public async Task After_the_hard_timeout_the_caller_is_told_and_the_load_goes_on()
    {
        var gate = new GatedFactory<string?>();
        var failure = await Assert.ThrowsAsync<TimeoutException>(async () => await ReadAsync("key", (_, token) => gate.LoadAsync(token), Hard));
        Assert.Contains("00:00:00.0200000", failure.Message, StringComparison.Ordinal);

        await gate.Started;
        gate.Answer("new");
        await Poll.UntilAsync(async () => (await Cache.TryGetAsync<string>("key")).Value == "new", "the load's result is stored");
        Assert.False(gate.Token.IsCancellationRequested);
    }

    [ContractFact]
    public async Task After_the_hard_timeout_a_stale_value_stands_in()
    {
        var patient = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromMinutes(10) };
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromMinutes(10), HardTimeout = TimeSpan.FromMilliseconds(20) };
        await ReadAsync("key", Value("old"), patient);
        Clock.Advance(TimeSpan.FromMinutes(2));
        var gate = new GatedFactory<string?>();

        Assert.Equal("old", await ReadAsync("key", (_, token) => gate.LoadAsync(token), policy));
        gate.Answer("new");
    }

    [ContractFact]
    public async Task A_factory_that_blocks_its_thread_can_be_left()
    {
        using var gate = new ManualResetEventSlim();
        try
        {
            await Assert.ThrowsAsync<TimeoutException>(async () => await ReadAsync("key", (_, _) =>
            {
                gate.Wait(TimeSpan.FromSeconds(30), CancellationToken.None);
                return new ValueTask<string?>("new");
            }, Hard));
        }
        finally
        {
            gate.Set();
        }

        await Poll.UntilAsync(async () => (await Cache.TryGetAsync<string>("key")).Value == "new", "the load's result is stored");
    }

    [ContractFact]
    public async Task Each_caller_waits_as_long_as_it_said()
    {
        var gate = new GatedFactory<string?>();
        var patient = ReadAsync("key", (_, token) => gate.LoadAsync(token), new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1) }).AsTask();
        await gate.Started;

        await Assert.ThrowsAsync<TimeoutException>(async () => await ReadAsync("key", Value("unused"), Hard));
        gate.Answer("new");
        Assert.Equal("new", await patient);
        Assert.Equal(1, gate.Calls);
    }

    [ContractFact]
    public async Task A_load_that_ends_in_time_is_not_touched_by_timeouts()
    {
        var policy = new CacheEntryPolicy { SoftTimeout = TimeSpan.FromSeconds(20), HardTimeout = TimeSpan.FromSeconds(30) };
        Assert.Equal("value", await ReadAsync("key", Value("value"), policy));
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("other", Down, policy));
    }

    [ContractFact]
    public async Task A_caller_with_timeouts_can_leave_and_the_last_one_ends_the_load()
    {
        var policy = new CacheEntryPolicy { SoftTimeout = TimeSpan.FromMinutes(5), HardTimeout = TimeSpan.FromMinutes(10) };
        using var leaving = new CancellationTokenSource();
        var gate = new GatedFactory<string?>();
        var read = Cache.GetOrCreateAsync("key", (_, token) => gate.LoadAsync(token), policy, cancellationToken: leaving.Token).AsTask();
        await gate.Started;
        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        await Poll.UntilAsync(() => gate.Token.IsCancellationRequested, "the load's token is cancelled");
        gate.Fail(new OperationCanceledException());
    }

    [ContractFact]
    public async Task An_invalidation_while_a_load_runs_on_in_the_background_is_not_undone()
    {
        var gate = new GatedFactory<string?>();
        await Assert.ThrowsAsync<TimeoutException>(async () => await ReadAsync("key", (_, token) => gate.LoadAsync(token), Hard));
        await gate.Started;
        await Cache.RemoveAsync("key");
        gate.Answer("old");
        await Poll.UntilAsync(() => Node.Engine!.Flights.Count == 0, "the load has ended");

        Assert.Equal(CacheResultKind.Missing, (await Cache.TryGetAsync<string>("key")).Kind);
    }
}
