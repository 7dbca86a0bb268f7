using System.Diagnostics;
using Larder.Consistency.Checking;

namespace Larder.Consistency.Tests.Short;

/// <summary>The judge itself, on histories made by hand. Times are in milliseconds.</summary>
public sealed class JudgeTests
{
    private static readonly Topology Topology = Topology.Default;

    private readonly History _history = new();

    [Fact]
    public void An_old_version_on_the_invalidating_node_is_wrong_at_once()
    {
        Remove(node: 0, version: 1, 10, 20);
        Read(node: 0, version: 0, at: 21);
        Assert.Equal((1, 0, 0), Decide());
    }

    [Fact]
    public void An_old_version_on_another_node_is_wrong_after_the_window()
    {
        Remove(node: 0, version: 1, 10, 20);
        Read(node: 1, version: 0, at: 200);
        Read(node: 1, version: 0, at: 271);
        Assert.Equal((0, 1, 0), Decide());
    }

    [Fact]
    public void What_began_before_the_invalidation_completed_is_right()
    {
        Remove(node: 0, version: 1, 10, 20);
        Read(node: 0, version: 0, at: 19);
        Assert.Equal((0, 0, 0), Decide());
    }

    [Fact]
    public void An_older_invalidation_that_completes_late_does_not_hide_a_newer_one()
    {
        Remove(node: 0, version: 2, 10, 20);
        Remove(node: 1, version: 1, 5, 30);
        Read(node: 0, version: 1, at: 40);
        Assert.Equal((1, 0, 0), Decide());
    }

    [Fact]
    public void A_write_is_held_against_what_began_after_it_only()
    {
        _history.Changes.Add(Change(Checking.Change.SetKey, 0, 1, 0, 50) with { Write = 7 });
        Remove(node: 1, version: 2, 40, 60);
        Read(node: 1, version: 1, at: 1_000, write: 7);
        Assert.Equal((0, 0, 0), Decide());
        Remove(node: 1, version: 3, 70, 80);
        Assert.Equal((1, 0, 0), Decide());
    }

    [Fact]
    public void A_disturbance_excuses_the_nodes_it_concerns_until_its_grace_is_over()
    {
        _history.Disturbances.Add(new Disturbance("pause", 1, At(0), At(500), TimeSpan.FromMilliseconds(100)));
        Remove(node: 0, version: 1, 10, 20);
        Read(node: 1, version: 0, at: 590);
        Read(node: 2, version: 0, at: 590);
        Read(node: 1, version: 0, at: 610);
        Assert.Equal((0, 2, 0), Decide());
    }

    [Fact]
    public void Nothing_excuses_the_invalidating_node()
    {
        _history.Disturbances.Add(new Disturbance("freeze", -1, At(0), At(500), TimeSpan.FromSeconds(1)));
        Remove(node: 0, version: 1, 10, 20);
        Read(node: 0, version: 0, at: 30);
        Assert.Equal((1, 0, 0), Decide());
    }

    [Fact]
    public void What_is_old_at_the_end_is_lost()
    {
        Remove(node: 0, version: 1, 10, 20);
        _history.Suspects.Add(new ReadEvent { Node = 1, Key = 0, Start = At(9_000), End = At(9_001), Final = true });
        Assert.Equal((0, 0, 1), Decide());
    }

    [Fact]
    public void A_history_survives_its_file()
    {
        Remove(node: 0, version: 1, 10, 20);
        Read(node: 0, version: 0, at: 21);
        _history.Failures.Add("a failure");
        _history.Disturbances.Add(new Disturbance("stall", 1, 2, 3, TimeSpan.FromTicks(4)));
        var file = Path.GetTempFileName();
        try
        {
            _history.Save(file);
            var loaded = History.Load(file);
            Assert.Equal(_history.Changes, loaded.Changes);
            Assert.Equal(_history.Failures, loaded.Failures);
            Assert.Equal(_history.Disturbances, loaded.Disturbances);
            Assert.Equal(At(21), Assert.Single(loaded.Suspects).Start);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static long At(double milliseconds) => (long)((1_000_000 + milliseconds) * Stopwatch.Frequency / 1_000);

    private static ChangeEvent Change(Change change, int node, long version, double from, double to) =>
        new() { Change = change, Node = node, Counter = Topology.KeyCounter(0), Version = version, Start = At(from), End = At(to) };

    private void Remove(int node, long version, double from, double to) => _history.Changes.Add(Change(Checking.Change.RemoveKey, node, version, from, to));

    private void Read(int node, long version, double at, long write = 0)
    {
        var seen = new Versions { Write = write };
        seen.Of[0] = version;
        _history.Suspects.Add(new ReadEvent { Node = node, Key = 0, Start = At(at), End = At(at + 1), Seen = seen });
    }

    private (long Own, long Other, long Lost) Decide()
    {
        var verdict = new Judge(Topology, _history, TimeSpan.FromMilliseconds(250)).Decide();
        return (verdict.OwnStale, verdict.OtherStale, verdict.Lost);
    }
}
