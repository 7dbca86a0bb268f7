using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    [ContractFact]
    public async Task Callers_of_one_key_share_one_load()
    {
        var source = new GatedFactory<int>();
        var callers = Enumerable.Range(0, 20).Select(_ => Cache.GetOrCreateAsync("key", source.LoadAsync).AsTask()).ToArray();
        await source.Started;
        source.Answer(7);

        Assert.All(await Task.WhenAll(callers), value => Assert.Equal(7, value));
        Assert.Equal(1, source.Calls);
    }

    [ContractFact]
    public async Task A_failure_reaches_every_joined_caller_and_is_not_cached()
    {
        var source = new GatedFactory<int>();
        var callers = Enumerable.Range(0, 5).Select(_ => Cache.GetOrCreateAsync("key", source.LoadAsync).AsTask()).ToArray();
        await source.Started;
        source.Fail(new IOException("no source"));

        foreach (var caller in callers)
        {
            Assert.Equal("no source", (await Assert.ThrowsAsync<IOException>(() => caller)).Message);
        }

        Assert.Equal(1, source.Calls);
        Assert.Equal(2, await Cache.GetOrCreateAsync("key", _ => new ValueTask<int>(2)));
    }

    [ContractFact]
    public async Task A_factory_that_throws_at_once_is_like_one_that_fails_later()
    {
        await Assert.ThrowsAsync<IOException>(async () => await Cache.GetOrCreateAsync<int>("key", _ => throw new IOException()));

        Assert.Equal(2, await Cache.GetOrCreateAsync("key", _ => new ValueTask<int>(2)));
    }

    [ContractFact]
    public async Task A_factory_that_cancels_itself_fails_for_its_callers_only_this_time()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await Cache.GetOrCreateAsync<int>("key", _ => throw new OperationCanceledException("by the factory")));

        Assert.Equal(2, await Cache.GetOrCreateAsync("key", _ => new ValueTask<int>(2)));
    }

    [ContractFact]
    public async Task A_caller_that_is_cancelled_already_loads_nothing()
    {
        var source = new CountedFactory<int>(1);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await source.ReadAsync(Cache, "key", cancellationToken: new CancellationToken(canceled: true)));

        Assert.Equal(0, source.Calls);
    }

    [ContractFact]
    public async Task The_first_caller_may_leave_and_the_others_get_the_value()
    {
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        var source = new GatedFactory<int>();
        var leaving = Cache.GetOrCreateAsync("key", source.LoadAsync, cancellationToken: first.Token).AsTask();
        await source.Started;
        var staying = Cache.GetOrCreateAsync("key", source.LoadAsync, cancellationToken: second.Token).AsTask();

        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.False(source.Token.IsCancellationRequested);
        Assert.False(staying.IsCompleted);
        source.Answer(7);

        Assert.Equal(7, await staying);
        Assert.Equal(1, source.Calls);
        Assert.Equal(7, await PeekAsync<int>(Cache, "key"));
    }

    [ContractFact]
    public async Task A_joined_caller_may_leave_and_the_first_gets_the_value()
    {
        using var cancellation = new CancellationTokenSource();
        using var never = new CancellationTokenSource();
        var source = new GatedFactory<int>();
        var staying = Cache.GetOrCreateAsync("key", source.LoadAsync, cancellationToken: never.Token).AsTask();
        await source.Started;
        var leaving = Cache.GetOrCreateAsync("key", source.LoadAsync, cancellationToken: cancellation.Token).AsTask();

        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.False(source.Token.IsCancellationRequested);
        source.Answer(7);

        Assert.Equal(7, await staying);
        Assert.Equal(1, source.Calls);
    }

    [ContractFact]
    public async Task When_every_caller_has_left_the_load_is_cancelled_and_the_next_caller_loads_anew()
    {
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        var source = new GatedFactory<int>();
        var one = Cache.GetOrCreateAsync("key", source.LoadAsync, cancellationToken: first.Token).AsTask();
        await source.Started;
        var two = Cache.GetOrCreateAsync("key", source.LoadAsync, cancellationToken: second.Token).AsTask();

        await first.CancelAsync();
        Assert.False(source.Token.IsCancellationRequested);
        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one.WaitAsync(TimeSpan.FromSeconds(30)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => two.WaitAsync(TimeSpan.FromSeconds(30)));
        await Poll.UntilAsync(() => source.Token.IsCancellationRequested, "the factory's token is cancelled");

        source.Fail(new OperationCanceledException(source.Token));
        Assert.Equal(2, await Cache.GetOrCreateAsync("key", _ => new ValueTask<int>(2)));
    }

    [ContractFact]
    public async Task A_caller_that_cannot_leave_keeps_the_load_alive()
    {
        using var cancellation = new CancellationTokenSource();
        var source = new GatedFactory<int>();
        var leaving = Cache.GetOrCreateAsync("key", source.LoadAsync, cancellationToken: cancellation.Token).AsTask();
        await source.Started;
        var staying = Cache.GetOrCreateAsync("key", source.LoadAsync).AsTask();

        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.False(source.Token.IsCancellationRequested);
        source.Answer(7);

        Assert.Equal(7, await staying);
    }

    [ContractFact]
    public async Task Joined_callers_share_an_immutable_value()
    {
        var source = new GatedFactory<ImmutableValue>();
        var callers = Enumerable.Range(0, 3).Select(_ => Cache.GetOrCreateAsync("key", source.LoadAsync).AsTask()).ToArray();
        await source.Started;
        var value = new ImmutableValue("shared");
        source.Answer(value);

        Assert.All(await Task.WhenAll(callers), found => Assert.Same(value, found));
    }

    [ContractFact]
    public async Task Joined_callers_each_get_a_mutable_value_of_their_own()
    {
        var source = new GatedFactory<Person>();
        var callers = Enumerable.Range(0, 3).Select(_ => Cache.GetOrCreateAsync("key", source.LoadAsync).AsTask()).ToArray();
        await source.Started;
        source.Answer(new Person { Name = "Ada", Age = 36 });

        var people = await Task.WhenAll(callers);

        Assert.All(people, person => Assert.Equal(("Ada", 36), (person.Name, person.Age)));
        Assert.Equal(3, people.Distinct(ReferenceEqualityComparer.Instance).Count());
    }
}
