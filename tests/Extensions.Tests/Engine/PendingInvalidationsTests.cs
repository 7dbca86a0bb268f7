using Larder.Backplane;
using Larder.Engine;
using Larder.Tags;
using Xunit;

namespace Larder.Tests.Engine;

public sealed class PendingInvalidationsTests
{
    private readonly SteppedClock _clock = new();
    private readonly PendingInvalidations _pending;

    public PendingInvalidationsTests() => _pending = new PendingInvalidations(3, new EngineClock(_clock));

    [Fact]
    public void One_is_kept_per_key_or_group_and_the_last_one_wins()
    {
        var group = new Group("s:t");
        var (first, last) = (OfGroup(group), OfGroup(group));
        _pending.Add(OfKey("a"));
        _pending.Add(OfKey("a"));
        _pending.Add(first);
        _pending.Add(last);

        Assert.Equal(2, _pending.Count);
        Assert.Contains(last, _pending.Snapshot());
        Assert.True(_pending.HasKey("a"));
        Assert.False(_pending.HasKey("b"));
    }

    [Fact]
    public void There_is_room_for_so_many_and_no_more_but_known_ones_can_be_renewed()
    {
        Assert.True(_pending.Add(OfKey("a")) && _pending.Add(OfKey("b")) && _pending.Add(OfKey("c")));

        Assert.False(_pending.Add(OfKey("d")));
        Assert.True(_pending.Add(OfKey("a")));
        Assert.Equal(3, _pending.Count);
    }

    [Fact]
    public void Striking_an_old_one_leaves_the_one_that_took_its_place()
    {
        var (old, renewed) = (OfKey("a"), OfKey("a"));
        _pending.Add(old);
        _pending.Add(renewed);

        Assert.False(_pending.Strike(old));
        Assert.True(_pending.HasKey("a"));
        Assert.True(_pending.Strike(renewed));
        Assert.True(_pending.IsEmpty);
    }

    [Fact]
    public void A_group_counts_as_pending_until_the_last_of_its_invalidations_was_told()
    {
        var group = new Group("s:t");
        var (old, renewed) = (OfGroup(group), OfGroup(group));
        group.Learn(5, 0, 0, long.MaxValue);
        _pending.Add(old);
        _pending.Add(renewed);
        Assert.False(group.TryGetStamp(0, 0, out _));

        _pending.Strike(old);
        Assert.True(group.IsPending);
        _pending.Strike(renewed);
        Assert.False(group.IsPending);
        Assert.True(group.TryGetStamp(0, 0, out var stamp));
        Assert.Equal(5, stamp);
    }

    [Fact]
    public void One_that_covers_everything_takes_the_place_of_all_others()
    {
        var group = new Group("s:t");
        var everything = OfGroup(new Group("s:*"));
        _pending.Add(OfKey("a"));
        _pending.Add(OfGroup(group));

        _pending.ReplaceAllByOne(everything);

        Assert.Equal([everything], _pending.Snapshot());
        Assert.False(group.IsPending);
        Assert.True(everything.Group!.IsPending);
    }

    [Fact]
    public void What_is_covered_later_is_not_struck_out_with_an_earlier_clear()
    {
        var all = new Group("s:*");
        var (earlier, later) = (OfGroup(all), OfGroup(all));
        _pending.ReplaceAllByOne(earlier);
        _pending.Add(OfKey("a"));
        _pending.ReplaceAllByOne(later);

        Assert.False(_pending.Strike(earlier));
        Assert.True(all.IsPending);
        Assert.Equal([later], _pending.Snapshot());
        _pending.Strike(later);
        Assert.False(all.IsPending);
    }

    [Fact]
    public void What_was_told_is_remembered_for_a_minute_each_once()
    {
        _pending.Remember(OfKey("a"));
        _clock.Advance(TimeSpan.FromSeconds(30));
        _pending.Remember(OfKey("b"));
        _pending.Remember(OfKey("b"));
        Assert.Equal(["a", "b"], _pending.Recent()!.Select(invalidation => invalidation.Id).Order());

        _clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(["b"], _pending.Recent()!.Select(invalidation => invalidation.Id));
    }

    [Fact]
    public void More_than_can_be_remembered_is_said_to_be_too_much_for_a_minute()
    {
        foreach (var key in "abcd")
        {
            _pending.Remember(OfKey($"{key}"));
        }

        Assert.Null(_pending.Recent());
        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Empty(_pending.Recent()!);
    }

    private static PendingInvalidation OfKey(string key) => PendingInvalidation.OfKey(key, "t:p:n", key);

    private static PendingInvalidation OfGroup(Group group) => PendingInvalidation.OfGroup(group, BackplaneMessage.LevelInvalidated("t"));
}
