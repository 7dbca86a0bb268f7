using System.Runtime.CompilerServices;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Engine;
using Xunit;

namespace Larder.Tests.Diagnostics;

public sealed class StatisticsTableTests
{
    [Fact]
    public async Task Counts_of_many_threads_on_one_counter_add_up()
    {
        var counter = new Box();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 200_000; i++)
            {
                counter.Value.Add(1);
            }
        })));

        Assert.Equal(1_600_000, counter.Value.Value);
    }

    [Fact]
    public async Task What_is_taken_while_others_count_is_neither_lost_nor_counted_twice()
    {
        var counter = new Box();
        var taken = 0L;
        var counting = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 200_000; i++)
            {
                counter.Value.Add(1);
            }
        })));
        while (!counting.IsCompleted)
        {
            taken += counter.Value.Take();
        }

        await counting;
        Assert.Equal(800_000, taken + counter.Value.Take());
    }

    [Fact]
    public async Task Scopes_beyond_the_bound_are_counted_together()
    {
        await using var engine = TestEngine.InMemory();
        var table = new StatisticsTable(TimeProvider.System, maximumScopes: 10);
        var states = Enumerable.Range(0, 25).Select(i => engine.Scope(new CacheScope($"t{i}"))).ToArray();
        foreach (var state in states)
        {
            table.Attach(state).Add(Tally.Miss);
        }

        Assert.Equal(10, table.Scopes().Count);
        Assert.Equal(15, table.Others.Read().Misses);
        GC.KeepAlive(states);
    }

    [Fact]
    public async Task Scopes_that_are_gone_make_room_and_what_they_counted_stays_in_the_total()
    {
        await using var engine = TestEngine.InMemory();
        var table = new StatisticsTable(TimeProvider.System, maximumScopes: 10);
        Count(table, engine, 0, 10);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        var living = engine.Scope(new CacheScope("t100"));
        table.Attach(living).Add(Tally.Miss);

        Assert.Equal(["t100"], table.Scopes().Select(scope => scope.Scope.Tenant));
        Assert.Equal(10, table.Others.Read().Misses);
        GC.KeepAlive(living);
    }

    // Not inlined, so that nothing here refers to the states afterwards.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Count(StatisticsTable table, CacheEngine engine, int from, int count)
    {
        for (var i = from; i < from + count; i++)
        {
            table.Attach(engine.Scope(new CacheScope($"t{i}"))).Add(Tally.Miss);
        }
    }

    private sealed class Box
    {
        public StripedCounter Value;
    }
}
