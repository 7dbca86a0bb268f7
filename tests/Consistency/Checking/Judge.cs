using System.Diagnostics;
using System.Globalization;

namespace Larder.Consistency.Checking;

/// <summary>
/// Decides from the recorded history which reads were stale beyond what is promised.
/// </summary>
/// <remarks>
/// <para>A read is wrong if an invalidation had completed before it began, the version it returned is older, and the time
/// that the node is given has passed: none on the node that invalidated, <c>window</c> on the others, and longer only
/// where a disturbance was recorded (see <see cref="Disturbance"/>).</para>
/// <para>Times are taken outside the calls: a read begins before the cache is asked, an invalidation ends after the cache
/// has answered. So the order is never guessed in the cache's disfavour.</para>
/// <para>A value that a <c>SetAsync</c> brought is held only against invalidations that began after that call had
/// completed: before, the two ran side by side, and which comes last is not the cache's to decide.</para>
/// </remarks>
internal sealed class Judge
{
    // Versions and completions run nearly in the same order; so many out of order in a row do not happen.
    private const int LookBack = 256;

    private readonly Topology _topology;
    private readonly History _history;
    private readonly long _window;
    private readonly Dictionary<int, List<ChangeEvent>> _changes = [];
    private readonly Dictionary<long, long> _writeEnds = [];
    private readonly Disturbance[] _disturbances;
    private readonly long _begin;

    public Judge(Topology topology, History history, TimeSpan window)
    {
        _topology = topology;
        _history = history;
        _window = Ticks(window);
        _disturbances = [.. history.Disturbances.OrderBy(disturbance => disturbance.From)];
        foreach (var group in history.Changes.GroupBy(change => change.Counter))
        {
            _changes[group.Key] = [.. group.OrderBy(change => change.End)];
        }

        foreach (var change in history.Changes.Where(change => change.Write != 0))
        {
            _writeEnds[change.Write] = change.End;
        }

        _begin = history.Changes.Count == 0 ? 0 : history.Changes.Min(change => change.Start);
    }

    public Verdict Decide()
    {
        var verdict = new Verdict { Operations = _history.Operations, Reads = _history.Reads, Changes = _history.Changes.Count, Refusals = _history.Refusals, Failures = _history.Failures };
        foreach (var read in _history.Suspects.OrderBy(read => read.Start))
        {
            Decide(read, verdict);
        }

        return verdict;
    }

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    private void Decide(in ReadEvent read, Verdict verdict)
    {
        var after = 0L;
        if (read.Seen.Write != 0 && !_writeEnds.TryGetValue(read.Seen.Write, out after))
        {
            // Its writer was killed, or it never completed: it overlaps with everything since.
            return;
        }

        var worst = default(ChangeEvent?);
        var own = false;
        for (var dimension = 0; dimension < Topology.Dimensions; dimension++)
        {
            var version = read.Seen.Of[dimension];
            if (!_changes.TryGetValue(_topology.Counter(read.Key, dimension), out var changes))
            {
                continue;
            }

            var older = 0;
            for (var i = EndedBefore(changes, read.Start) - 1; i >= 0 && older < LookBack; i--)
            {
                var change = changes[i];
                if (change.Version <= version || change.Start < after)
                {
                    older++;
                    continue;
                }

                older = 0;
                var isOwn = change.Node == read.Node;
                if (!isOwn)
                {
                    verdict.NoteLag(Stopwatch.GetElapsedTime(change.End, read.Start), IsDisturbed(change, read));
                }

                if ((isOwn || read.Start > Deadline(change, read.Node)) && (worst is null || (isOwn && !own) || (isOwn == own && change.End < worst.Value.End)))
                {
                    worst = change;
                    own = isOwn;
                }
            }
        }

        if (worst is { } broken)
        {
            verdict.Add(own, read.Final, Describe(read, broken));
        }
    }

    private static int EndedBefore(List<ChangeEvent> changes, long time)
    {
        var (low, high) = (0, changes.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (changes[middle].End < time)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private bool IsDisturbed(in ChangeEvent change, in ReadEvent read) => Deadline(change, read.Node) != change.End + _window;

    private long Deadline(in ChangeEvent change, int reader)
    {
        var deadline = change.End + _window;
        foreach (var disturbance in _disturbances)
        {
            if (disturbance.From > deadline)
            {
                break;
            }

            if (disturbance.To + Ticks(disturbance.Grace) >= change.Start
                && (disturbance.Node == -1 || disturbance.Node == reader || disturbance.Node == change.Node))
            {
                deadline = Math.Max(deadline, disturbance.To + Ticks(disturbance.Grace));
            }
        }

        return deadline;
    }

    private string Describe(in ReadEvent read, in ChangeEvent change)
    {
        var counter = change.Counter;
        var key = read.Key;
        var dimension = Enumerable.Range(0, Topology.Dimensions).First(i => _topology.Counter(key, i) == counter);
        var (from, to) = (change.Start - (2 * Stopwatch.Frequency), read.Start);
        var causes = string.Join(", ", _disturbances.Where(disturbance => disturbance.From <= to && disturbance.To >= from).Select(Name).Distinct().Take(5));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{(read.Final ? "at the end: " : "")}node {read.Node} read {_topology.NameOf(read.Key)} of tenant {_topology.TenantOf(read.Key)} at {Time(read.Start)}..{Time(read.End)} and saw version {read.Seen.Of[dimension]} ({(read.Seen.Write == 0 ? "loaded" : $"written by {read.Seen.Write}")}), but {change.Change} to version {change.Version} on node {change.Node} had run {Time(change.Start)}..{Time(change.End)}{(causes.Length == 0 ? "" : $"; shortly before or meanwhile: {causes}")}");
    }

    private string Name(Disturbance disturbance) => $"{disturbance.Cause}{(disturbance.Node < 0 ? "" : $" (node {disturbance.Node})")} {Time(disturbance.From)}..{Time(disturbance.To)}";

    private string Time(long ticks) => Stopwatch.GetElapsedTime(_begin, ticks).TotalMilliseconds.ToString("0.0", CultureInfo.InvariantCulture);
}
