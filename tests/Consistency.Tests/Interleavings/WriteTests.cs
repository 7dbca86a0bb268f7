using Larder.Consistency.Levels;
using Larder.Tests.Shared;

namespace Larder.Consistency.Tests.Interleavings;

/// <summary>Writes that overlap loads, removals and other writes.</summary>
public sealed class WriteTests : Stage
{
    [Fact]
    public async Task Of_two_writes_that_overlap_every_node_serves_the_one_that_came_last_at_the_server()
    {
        (var gate, One.Level.After) = GateAt(LevelCall.Set, "key");
        var first = SetAsync(One).AsTask();
        await gate.Reached;
        Raise();
        var second = SetAsync(One).AsTask();
        gate.Open();
        await first;
        await second;
        Assert.Equal(2, await ReadAsync(One));
        Assert.Equal(2, await ReadAsync(Two));
        Assert.Equal(0, Loads);
    }

    [Fact]
    public async Task A_write_that_another_nodes_write_overtook_does_not_stay_in_memory()
    {
        (var gate, One.Level.After) = GateAt(LevelCall.Set, "key");
        var first = SetAsync(One).AsTask();
        await gate.Reached;
        Raise();
        await SetAsync(Two);
        gate.Open();
        await first;
        await Poll.UntilAsync(async () => await ReadAsync(One) == 2, "the later write is heard", TimeSpan.FromSeconds(3));
        Assert.Equal(2, await ReadAsync(Two));
    }

    [Theory]
    [InlineData(LevelCall.Get)]
    [InlineData(LevelCall.TryLease)]
    [InlineData(LevelCall.SetLeased)]
    public async Task A_load_from_before_a_write_does_not_replace_it(object at)
    {
        (var gate, Two.Level.After) = GateAt((LevelCall)at, "key");
        var before = ReadAsync(Two);
        await gate.Reached;
        Raise();
        await SetAsync(One);
        gate.Open();
        _ = await before;
        Assert.Equal(2, await ReadAsync(One));
        await Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the write is heard", TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task A_load_between_a_writes_two_fences_does_not_cover_it()
    {
        await SetAsync(One);
        Raise();
        (var gate, One.Level.Before) = GateAt(LevelCall.Set, "key");
        var writing = SetAsync(One).AsTask();
        await gate.Reached;
        Assert.Equal(1, await ReadAsync(One));
        gate.Open();
        await writing;
        Assert.Equal(2, await ReadAsync(One));
    }

    /// <summary>The answer was lost, not the write.</summary>
    [Fact]
    public async Task A_write_whose_answer_is_lost_leaves_all_nodes_with_one_value()
    {
        Assert.Equal(1, await ReadAsync(Two));
        Raise();
        One.Level.After = FailAt(LevelCall.Set);
        await SetAsync(One);
        Assert.Equal(2, await ReadAsync(One));
        await Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the other node is told");
    }
}
