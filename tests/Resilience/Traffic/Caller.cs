using System.Diagnostics;
using Larder.Resilience.Figures;
using Larder.Resilience.Nodes;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Resilience.Traffic;

/// <summary>One of many concurrent callers: mostly reads, some looks, writes and removals, one at a time.</summary>
internal sealed class Caller(CacheNode node, TrafficKeys keys, Source source, Load load, PhaseClock clock, Failures failures, bool mixesUp)
{
    private readonly Tally[] _tallies = [.. Enum.GetValues<Phase>().Select(_ => new Tally())];
    private long _inCallSince;

    public Tally Tally(Phase phase) => _tallies[(int)phase];

    /// <summary>Whether a call has been waiting for so long.</summary>
    public bool HangsFor(TimeSpan time) => Interlocked.Read(ref _inCallSince) is not 0 and var since && Stopwatch.GetElapsedTime(since) > time;

    public async Task RunAsync(CancellationToken stop)
    {
        var random = new Random();
        var pace = (int)load.Pace.TotalMilliseconds;
        await Task.Delay(random.Next((pace * 2) + 1), CancellationToken.None);
        while (!stop.IsCancellationRequested)
        {
            await CallAsync(random);
            await Task.Delay(pace / 2 + random.Next(pace + 1), CancellationToken.None);
        }
    }

    private async Task CallAsync(Random random)
    {
        // What is drawn, and for what it counts, is settled before the clock runs.
        var began = clock.Now;
        var (what, call) = Draw(random, _tallies[(int)began]);
        var from = Stopwatch.GetTimestamp();
        Interlocked.Exchange(ref _inCallSince, from);
        bool? right = null;
        Exception? failure = null;
        try
        {
            right = await call();
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        var ticks = Stopwatch.GetTimestamp() - from;
        Interlocked.Exchange(ref _inCallSince, 0);
        var tally = _tallies[(int)PhaseClock.Of(began, clock.Now)];
        tally.Ticks.Add(ticks);
        if (failure is not null)
        {
            tally.Failed++;
            failures.Add($"{what}, {began}", failure);
        }
        else if (right == false)
        {
            tally.Wrong++;
            failures.Add($"{what}, {began}: another key's value");
        }
    }

    private (string What, Func<ValueTask<bool>> Call) Draw(Random random, Tally tally)
    {
        if (load.LargeEvery is > 0 and var every && random.Next(every) == 0)
        {
            load.CountLargeCall();
            tally.Unavoidable += load.LargeIsUnavoidable ? 1 : 0;
            var large = Pick(random, keys.Large);
            return ("GetOrCreateAsync of a large value", () => ReadAsync(large, large));
        }

        // In ten thousandths.
        var draw = random.Next(10_000);
        switch (draw)
        {
            case < 5:
                tally.TagRemovals++;
                var tag = TrafficKeys.Tag(random.Next(TrafficKeys.TagCount));
                return ("RemoveByTagAsync", () => DoneAsync(node.Cache.RemoveByTagAsync(tag)));
            case < 50:
                tally.KeyChanges++;
                var removed = PickAny(random);
                return ("RemoveAsync", () => DoneAsync(node.Cache.RemoveAsync(removed.Name)));
            case < 150:
                tally.KeyChanges++;
                var written = PickAny(random);
                return ("SetAsync", () => WriteAsync(written));
            case < 350:
                var seen = PickAny(random);
                return ("TryGetAsync", () => LookAsync(seen));
            case < 450:
                tally.Unavoidable++;
                var cold = keys.Cold();
                return ("GetOrCreateAsync of a new key", () => ReadAsync(cold, cold));
            default:
                var read = PickAny(random);
                tally.Unavoidable += load.ThingsAreUnavoidable && !read.IsText ? 1 : 0;
                var asked = mixesUp && random.Next(300) == 0 ? keys.Long[random.Next(50) * 2] : read;
                return ("GetOrCreateAsync", () => ReadAsync(read, read.IsText ? asked : read));
        }
    }

    private Key PickAny(Random random) => random.Next(10) switch
    {
        < 5 => Pick(random, keys.Short),
        < 7 => Pick(random, keys.Near),
        _ => Pick(random, keys.Long),
    };

    private static Key Pick(Random random, Key[] among) => among[random.Next(among.Length)];

    private async ValueTask<bool> ReadAsync(Key key, Key asked) => key.IsText
        ? source.IsOf(key, await node.Cache.GetOrCreateAsync(asked.Name, (source, asked), static (s, _) => s.source.TextAsync(s.asked), asked.Options, asked.Tags))
        : (await node.Cache.GetOrCreateAsync(asked.Name, (source, asked), static (s, _) => s.source.ThingAsync(s.asked), asked.Options, asked.Tags))?.IsOf(key.Name) ?? false;

    private async ValueTask<bool> LookAsync(Key key)
    {
        if (key.IsText)
        {
            var text = await node.Cache.TryGetAsync<string>(key.Name);
            return !text.IsFound || source.IsOf(key, text.Value!);
        }

        var thing = await node.Cache.TryGetAsync<Thing>(key.Name);
        return !thing.IsFound || (thing.Value?.IsOf(key.Name) ?? false);
    }

    private ValueTask<bool> WriteAsync(Key key) => DoneAsync(key.IsText
        ? node.Cache.SetAsync(key.Name, source.Text(key), key.Options, key.Tags)
        : node.Cache.SetAsync(key.Name, Thing.Of(key.Name, source.NextVersion()), key.Options, key.Tags));

    private static async ValueTask<bool> DoneAsync(ValueTask call)
    {
        await call;
        return true;
    }
}
