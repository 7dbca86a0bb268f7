using Larder.Consistency.Levels;

namespace Larder.Consistency.Tests.Interleavings;

/// <summary>Callers that arrive after an invalidation, while a load from before it is under way.</summary>
public sealed class FlightTests : Stage
{
    /// <summary>The tags stand in the stored entry; neither caller names them.</summary>
    [Fact]
    public async Task A_caller_after_a_tags_removal_does_not_join_a_read_of_an_entry_stored_with_it()
    {
        await SetAsync(Two, tags: ["tag"]);
        (var gate, One.Level.After) = GateAt(LevelCall.GetStamp, ":tag");
        var before = ReadAsync(One);
        await gate.Reached;

        Raise();
        await One.Cache.RemoveByTagAsync("tag");
        var after = ReadAsync(One);
        gate.Open();
        Assert.Equal(2, await after);
        _ = await before;
        Assert.Equal(2, await ReadAsync(One));
    }

    [Fact]
    public async Task A_caller_after_a_tags_removal_does_not_join_the_verification_of_an_entry_that_has_it()
    {
        await SetAsync(Two, tags: ["tag"]);
        Assert.Equal(1, await ReadAsync(One));
        One.Transport.Interrupt();
        (var gate, One.Level.After) = GateAt(LevelCall.GetStamp, ":tag");
        var before = ReadAsync(One);
        await gate.Reached;

        Raise();
        await One.Cache.RemoveByTagAsync("tag");
        var after = ReadAsync(One);
        gate.Open();
        Assert.Equal(2, await after);
        _ = await before;
    }

    [Theory]
    [InlineData(LevelCall.Get)]
    [InlineData(LevelCall.TryLease)]
    [InlineData(LevelCall.SetLeased)]
    public async Task A_caller_after_a_removal_does_not_get_what_a_load_from_before_it_brings(object at)
    {
        (var gate, One.Level.After) = GateAt((LevelCall)at, "key");
        var before = ReadAsync(One);
        await gate.Reached;

        Raise();
        await One.Cache.RemoveAsync("key");
        var after = ReadAsync(One);
        gate.Open();
        Assert.Equal(2, await after);
        _ = await before;
        Assert.Equal(2, await ReadAsync(One));
        Assert.Equal(2, await ReadAsync(Two));
    }

    [Theory]
    [InlineData(LevelCall.Get)]
    [InlineData(LevelCall.TryLease)]
    [InlineData(LevelCall.SetLeased)]
    [InlineData(LevelCall.GetStamp)]
    public async Task A_caller_after_a_tags_removal_does_not_get_what_a_load_from_before_it_brings(object at)
    {
        var call = (LevelCall)at;
        (var gate, One.Level.After) = GateAt(call, call == LevelCall.GetStamp ? ":tag" : "key");
        var before = ReadAsync(One, tags: ["tag"]);
        await gate.Reached;

        Raise();
        await One.Cache.RemoveByTagAsync("tag");
        var after = ReadAsync(One, tags: ["tag"]);
        gate.Open();
        Assert.Equal(2, await after);
        _ = await before;
        Assert.Equal(2, await ReadAsync(One, tags: ["tag"]));
        Assert.Equal(2, await ReadAsync(Two, tags: ["tag"]));
    }

    [Theory]
    [InlineData(LevelCall.Get)]
    [InlineData(LevelCall.TryLease)]
    [InlineData(LevelCall.SetLeased)]
    public async Task A_caller_after_a_clear_does_not_get_what_a_load_from_before_it_brings(object at)
    {
        (var gate, One.Level.After) = GateAt((LevelCall)at, "key");
        var before = ReadAsync(One);
        await gate.Reached;

        Raise();
        await One.Cache.RemoveByTagAsync("*");
        var after = ReadAsync(One);
        gate.Open();
        Assert.Equal(2, await after);
        _ = await before;
        Assert.Equal(2, await ReadAsync(One));
        Assert.Equal(2, await ReadAsync(Two));
    }

    /// <summary>A load elsewhere is refused its store, even if it never hears of the removal.</summary>
    [Fact]
    public async Task A_load_on_another_node_cannot_store_over_a_removal_it_has_not_heard_of()
    {
        Two.Transport.Receiving = (_, _) => { };
        (var gate, Two.Level.Before) = GateAt(LevelCall.SetLeased, "key");
        var before = ReadAsync(Two);
        await gate.Reached;

        Raise();
        await One.Cache.RemoveAsync("key");
        gate.Open();
        Assert.Equal(1, await before);
        Assert.Equal(2, await ReadAsync(One));
        Assert.Equal(2, await ReadAsync(Two));
    }

    /// <summary>The store happened before the removal, the answer comes after it.</summary>
    [Fact]
    public async Task A_load_whose_store_is_acknowledged_late_does_not_enter_memory_after_a_removal()
    {
        (var gate, Two.Level.After) = GateAt(LevelCall.SetLeased, "key");
        var before = ReadAsync(Two);
        await gate.Reached;

        Raise();
        await One.Cache.RemoveAsync("key");
        gate.Open();
        Assert.Equal(1, await before);
        await Larder.Tests.Shared.Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the removal is heard", TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task A_waiter_on_another_node_does_not_take_a_result_from_before_a_tags_removal_it_knows_of()
    {
        (var gate, One.Level.Before) = GateAt(LevelCall.SetLeased, "key");
        var loader = ReadAsync(One, tags: ["tag"]);
        await gate.Reached;

        Raise();
        await Two.Cache.RemoveByTagAsync("tag");
        var waiter = ReadAsync(Two, tags: ["tag"]);
        gate.Open();
        Assert.Equal(2, await waiter);
        _ = await loader;
        Assert.Equal(2, await ReadAsync(Two, tags: ["tag"]));
    }
}
