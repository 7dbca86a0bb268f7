using System.Diagnostics;
using Larder.Consistency.Nodes;

namespace Larder.Consistency.Checking;

/// <summary>Reads and changes at random on one node, one call after the other, and records what is needed to judge.</summary>
internal sealed class Worker(CheckedNode node, int number, Source source, NodeSettings settings, int seed)
{
    // A call that takes this long hangs.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Random _random = new(seed);
    private readonly Topology _topology = source.Topology;
    private long _reads;
    private long _operations;

    public History History { get; } = new();

    /// <summary>How many calls have been made so far.</summary>
    public long Operations => Volatile.Read(ref _operations);

    public async Task ReadUntilAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            // Bursts, so that callers meet in one load, and pauses, so that the writers get something done.
            for (var burst = _random.Next(1, 24); burst > 0 && !stop.IsCancellationRequested; burst--)
            {
                await ReadAsync(_random.Next(_topology.Keys), final: false);
            }

            if (_random.Next(4) == 0)
            {
                await Task.Delay(1, CancellationToken.None);
            }
            else
            {
                await Task.Yield();
            }
        }

        History.CountReads(Interlocked.Exchange(ref _reads, 0));
    }

    public async Task ChangeUntilAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await ChangeAsync();
            await Task.Delay(_random.Next(30), CancellationToken.None);
        }
    }

    /// <summary>Reads every key once, when nothing goes on any more.</summary>
    public async Task ReadAllAsync()
    {
        for (var key = 0; key < _topology.Keys; key++)
        {
            await ReadAsync(key, final: true);
        }

        History.CountReads(Interlocked.Exchange(ref _reads, 0));
    }

    private async Task ReadAsync(int key, bool final)
    {
        // At the end a value is wanted, not a refusal.
        for (var tries = final ? 20 : 1; tries > 0 && !await TryReadAsync(key, final); tries--)
        {
            History.CountRefusal();
        }
    }

    /// <summary>Reads and records. False if there was no value to be had, because its source was down or took too long.</summary>
    private async Task<bool> TryReadAsync(int key, bool final)
    {
        var start = Stopwatch.GetTimestamp();

        // Looked up after the clock: whatever was acknowledged before the start is in it.
        var newest = source.Read(key);
        try
        {
            var seen = await ReadValueAsync(key);
            _reads++;
            Volatile.Write(ref _operations, _operations + 1);
            if (!seen.IsAtLeast(newest))
            {
                History.Suspects.Add(new ReadEvent { Node = number, Key = key, Final = final, Start = start, End = Stopwatch.GetTimestamp(), Seen = seen });
            }
        }
        catch (Exception exception) when (settings.Policies && exception is SourceDownException or TimeoutException)
        {
            Volatile.Write(ref _operations, _operations + 1);
            return false;
        }
        catch (Exception exception)
        {
            History.Failures.Add($"node {number}: reading {_topology.NameOf(key)}: {exception.GetType().Name}: {exception.Message}");
        }

        return true;
    }

    private async ValueTask<Versions> ReadValueAsync(int key)
    {
        var cache = node.Cache(_topology.TenantOf(key));
        var name = _topology.NameOf(key);
        var tags = _topology.TagsOf(key);
        if (settings.Policies && key / 2 % 2 == 0)
        {
            // Only the source knows the tags of half of the keys.
            return Versions.Parse(key % 2 == 0
                ? await WithinPatienceAsync(cache.GetOrCreateAsync(name, (entry, _) => LoadAsync<string>(entry, key, text => text, text => text)))
                : (await WithinPatienceAsync(cache.GetOrCreateAsync(name, (entry, _) => LoadAsync<MutableValue>(entry, key, text => new() { Text = text }, value => value.Text)))).Text);
        }

        if (key % 2 == 0)
        {
            var text = cache.GetOrCreateAsync(name, async _ => (await LoadAsync(key)).ToString(), tags: tags);
            return Versions.Parse(await WithinPatienceAsync(text));
        }

        var value = cache.GetOrCreateAsync(name, async _ => new MutableValue { Text = (await LoadAsync(key)).ToString() }, tags: tags);
        return Versions.Parse((await WithinPatienceAsync(value)).Text);
    }

    private static async ValueTask<T> WithinPatienceAsync<T>(ValueTask<T> read)
    {
        if (read.IsCompletedSuccessfully)
        {
            return read.Result;
        }

        var call = read.AsTask();
        await ((Task)call).WaitAsync(Patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return call.IsCompleted ? await call : throw new InvalidOperationException($"It has not ended after {Patience.TotalSeconds} s.");
    }

    /// <summary>A source that is asked whether anything has changed, and names the tags.</summary>
    private async ValueTask<T> LoadAsync<T>(CacheEntryContext entry, int key, Func<string, T> make, Func<T, string> read)
    {
        var text = (await LoadAsync(key)).ToString();
        if (settings.Broken != Broken.Refresh || !entry.IsBackground)
        {
            foreach (var tag in _topology.TagsOf(key))
            {
                entry.Tags.Add(tag);
            }

            if (Random.Shared.Next(2) == 0 && entry.TryGetStale<T>(out var stale) && read(stale) == text)
            {
                entry.NotModified();
                return default!;
            }
        }

        return make(text);
    }

    // Slow before it reads the source, or after, or both.
    private async Task<Versions> LoadAsync(int key)
    {
        var whole = Random.Shared.Next((int)settings.Load.TotalMilliseconds + 1);
        var before = Random.Shared.Next(whole + 1);
        await DelayAsync(before);
        var versions = source.Read(key);
        await DelayAsync(whole - before);
        return settings.Policies && Random.Shared.Next(8) == 0 ? throw new SourceDownException() : versions;
    }

    private static Task DelayAsync(int milliseconds) => milliseconds == 0 ? Task.CompletedTask : Task.Delay(milliseconds);

    private async Task ChangeAsync()
    {
        var key = _random.Next(_topology.Keys);
        var tenant = _topology.TenantOf(key);
        var tag = _random.Next(_topology.TagsPerTenant);
        var (change, counter) = _random.Next(1000) switch
        {
            < 500 => (Change.RemoveKey, _topology.KeyCounter(key)),
            < 740 => (Change.SetKey, _topology.KeyCounter(key)),
            < 960 => (Change.RemoveTag, _topology.TagCounter(tenant, tag)),
            < 985 => (Change.ClearNamespace, _topology.NamespaceCounter(tenant)),
            < 990 when node.HasLevels => (Change.ClearProject, _topology.ProjectCounter(tenant)),
            < 995 when node.HasLevels => (Change.ClearTenant, _topology.TenantCounter(tenant)),
            _ when node.HasLevels => (Change.ClearEverything, _topology.Everything),
            _ => (Change.RemoveKey, _topology.KeyCounter(key)),
        };
        var made = new ChangeEvent { Change = change, Node = number, Counter = counter, Start = Stopwatch.GetTimestamp() };
        made.Version = source.Raise(counter);
        try
        {
            await ApplyAsync(change, key, tenant, tag, ref made).AsTask().WaitAsync(Patience);
            made.End = Stopwatch.GetTimestamp();
            History.Changes.Add(made);
            Volatile.Write(ref _operations, _operations + 1);
        }
        catch (Exception exception)
        {
            History.Failures.Add($"node {number}: {change}: {exception.GetType().Name}: {exception.Message}");
        }
    }

    private ValueTask ApplyAsync(Change change, int key, int tenant, int tag, ref ChangeEvent made)
    {
        switch (change)
        {
            case Change.RemoveKey:
                return node.Cache(tenant).RemoveAsync(_topology.NameOf(key));
            case Change.RemoveTag:
                return node.Cache(tenant).RemoveByTagAsync(Topology.TagName(tag));
            case Change.SetKey:
                var versions = source.Read(key);
                versions.Write = made.Write = source.NextWrite();
                var text = versions.ToString();
                return key % 2 == 0
                    ? node.Cache(tenant).SetAsync(_topology.NameOf(key), text, tags: _topology.TagsOf(key))
                    : node.Cache(tenant).SetAsync(_topology.NameOf(key), new MutableValue { Text = text }, tags: _topology.TagsOf(key));
            default:
                return node.ClearAsync(change, tenant);
        }
    }
}

/// <summary>The source does not answer, as it does now and then where policies are checked.</summary>
internal sealed class SourceDownException() : Exception("The source is down.");
