using Larder.Backplane;
using Larder.Engine;
using Larder.Tags;
using Larder.Tests.Engine;
using Xunit;

namespace Larder.Tests.Tags;

public sealed class GroupTests
{
    [Fact]
    public void A_stamp_is_known_as_long_as_it_is_young_and_lives_long_enough()
    {
        var group = new Group("g");
        group.Learn(7, group.Generation, readAt: 100, livesUntil: 200);

        Assert.True(group.TryGetStamp(readAfter: 100, livesUntil: 200, out var stamp));
        Assert.Equal(7, stamp);
        Assert.False(group.TryGetStamp(readAfter: 101, livesUntil: 200, out _));
        Assert.False(group.TryGetStamp(readAfter: 100, livesUntil: 201, out _));
    }

    [Fact]
    public void Invalidating_forgets_the_stamp_and_refuses_one_that_was_read_before()
    {
        var group = new Group("g");
        var before = group.Generation;
        group.Learn(7, before, 0, long.MaxValue);

        group.Invalidate(10);
        Assert.False(group.TryGetStamp(0, 0, out _));
        group.Learn(7, before, 0, long.MaxValue);
        Assert.False(group.TryGetStamp(0, 0, out _));

        group.Learn(8, group.Generation, 0, long.MaxValue);
        Assert.True(group.TryGetStamp(0, 0, out var stamp));
        Assert.Equal(8, stamp);
    }

    [Fact]
    public void The_generation_never_goes_back()
    {
        var group = new Group("g");
        group.Invalidate(10);
        group.Invalidate(5);

        Assert.Equal(10, group.Generation);
    }

    [Fact]
    public async Task Invalidating_a_level_puts_in_doubt_what_is_below_it_and_nothing_else()
    {
        await using var engine = TestEngine.InMemory();
        CacheScope[] scopes = [CacheScope.Raw, new("a"), new("a", "p"), new("a", "p", "n"), new("a", "q"), new("b", "p", "n")];
        bool[][] expected =
        [
            [true, true, true, true, true, true],
            [false, true, true, true, true, false],
            [false, false, true, true, false, false],
            [false, false, false, true, false, false],
        ];
        for (var level = 0; level < 4; level++)
        {
            var entries = scopes.Select(scope => Entries.Create(engine.Scope(scope), "key", generation: engine.Groups.Counter)).ToArray();
            Assert.All(entries, entry => Assert.True(entry.IsCurrent()));

            engine.Groups.Invalidate(engine.Scope(scopes[3]).Levels[level]);

            Assert.Equal(expected[level], entries.Select(entry => !entry.IsCurrent()));
        }
    }

    [Fact]
    public async Task Invalidating_a_tag_puts_in_doubt_what_carries_it_in_its_scope()
    {
        await using var engine = TestEngine.InMemory();
        var scope = engine.Scope(new CacheScope("a"));
        var other = engine.Scope(new CacheScope("b"));
        MemoryEntry[] entries = [Tagged(scope, "tag"), Tagged(scope, "other", "tag"), Tagged(scope, "other"), Tagged(other, "tag")];

        engine.Groups.Invalidate(scope.Tag("tag"));

        Assert.Equal([false, false, true, true], entries.Select(entry => entry.IsCurrent()));

        MemoryEntry Tagged(ScopeState state, params string[] tags) =>
            Entries.Create(state, "key", generation: engine.Groups.Counter, tags: [.. tags.Select(state.Tag)]);
    }

    [Fact]
    public async Task Doubt_reaches_everything_and_forgets_all_stamps()
    {
        await using var engine = TestEngine.InMemory();
        var scope = engine.Scope(new CacheScope("a"));
        var tag = scope.Tag("tag");
        tag.Learn(1, tag.Generation, 0, long.MaxValue);
        scope.Levels[2].Learn(2, scope.Levels[2].Generation, 0, long.MaxValue);
        var entry = Entries.Create(scope, "key", generation: engine.Groups.Counter);

        ((IBackplaneListener)engine).OnMissed("a test");

        Assert.False(entry.IsCurrent());
        Assert.False(tag.TryGetStamp(0, 0, out _) || scope.Levels[2].TryGetStamp(0, 0, out _));
    }

    [Fact]
    public async Task Equal_scopes_share_their_state_and_different_ones_their_common_levels()
    {
        await using var engine = TestEngine.InMemory();
        var one = engine.Scope(new CacheScope("a", "p", "n"));
        var two = engine.Scope(new CacheScope("a", "p", "m"));

        Assert.Same(one, engine.Scope(new CacheScope("a", "p", "n")));
        Assert.Same(one, engine.Groups.FindScope(one.Id));
        Assert.Equal([true, true, true, false], one.Levels.Zip(two.Levels, ReferenceEquals));
        Assert.Null(engine.Groups.FindScope("t.no:p.such:n.scope"));
    }

    [Fact]
    public void The_folded_stamp_depends_on_each_stamp_and_its_place()
    {
        long[][] stamps = [[1, 2, 3, 4], [2, 1, 3, 4], [1, 2, 4, 3], [1, 2, 3, 5], [0, 2, 3, 4], [1, 2, 3, 4, 0], [0, 0, 0, 0], [-1, -1, -1, -1]];

        Assert.Equal(stamps.Length, stamps.Select(set => ScopeState.Fold(set)).Distinct().Count());
        Assert.DoesNotContain(0, stamps.Select(set => ScopeState.Fold(set)));
    }
}
