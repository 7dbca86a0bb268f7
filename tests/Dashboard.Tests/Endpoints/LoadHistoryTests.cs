using System.Globalization;
using System.Runtime.CompilerServices;
using Larder.Dashboard;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>What the samples hold, and how many there are.</summary>
public sealed class LoadHistoryTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly ServiceProvider _services;
    private readonly LoadHistory _history;

    public LoadHistoryTests()
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(_time);
        services.AddLarder(options => options.Statistics = true);
        _services = services.BuildServiceProvider();
        _history = new LoadHistory(_services.GetRequiredService<CacheEngine>(), _time);
        _history.Begin();
    }

    public void Dispose() => _services.Dispose();

    [Fact]
    public async Task A_sample_holds_what_was_read_since_the_last_one()
    {
        await ReadAsync("a", 3);
        var (first, newNames) = Take();
        await ReadAsync("a", 2);
        await ReadAsync("b", 1);
        var (second, _) = Take();
        var (third, _) = Take();

        Assert.Equal(["a"], newNames.Select(series => series.Name));
        Assert.Equal((3, 1, 2), (first.Total.Reads, first.Total.Loads, first.Total.Hits));
        Assert.Equal((3, 1, 2), (second.Total.Reads, second.Total.Loads, second.Total.Hits));
        Assert.Equal([2, 1], second.Series.OrderBy(point => point.Id).Select(point => point.Reads));
        Assert.Equal(2, second.Seconds);
        Assert.Equal(0, third.Total.Reads);
        Assert.Empty(third.Series);
        Assert.Equal(2, third.Entries);
    }

    [Fact]
    public async Task After_a_reset_counts_begin_at_zero_and_not_below()
    {
        await ReadAsync("a", 5);
        Take();
        _services.GetRequiredService<ICacheAdmin>().ResetStatistics();
        await ReadAsync("a", 2);

        Assert.Equal((2, 2), (Take().Sample.Total.Hits, _history.Samples.Last().Total.Reads));
    }

    [Fact]
    public async Task What_scopes_that_are_not_told_apart_any_more_had_counted_makes_no_peak()
    {
        await ReadAsync("a", 500);
        await ReadOnceByTenantAsync(StatisticsTable.MaximumScopes - 1);
        Take();
        GC.Collect();

        // Makes room, for which the counts of tenants that are gone leave their namespace.
        await ReadOnceByTenantAsync(1, "new ");
        await ReadAsync("a", 1);
        var (sample, _) = Take();

        Assert.InRange(_services.GetRequiredService<CacheEngine>().Statistics!.Others.Read().Misses, 2, StatisticsTable.MaximumScopes);
        Assert.Equal(2, sample.Total.Reads);
        Assert.All(sample.Series, point => Assert.InRange(point.Reads, 0, 2));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task ReadOnceByTenantAsync(int tenants, string name = "")
    {
        for (var i = 0; i < tenants; i++)
        {
            using (CacheScope.Use(new CacheScope($"{name}{i}", null, "a")))
            {
                await _services.GetRequiredService<HybridCache>().TryGetAsync<int>("k");
            }
        }
    }

    [Fact]
    public async Task A_clock_that_is_set_back_disturbs_neither_order_nor_age()
    {
        await ReadAsync("a", 1);
        var before = Take().Sample;
        _time.StepWallClock(TimeSpan.FromHours(-1));
        await ReadAsync("a", 1);
        var after = Take().Sample;

        Assert.Equal((2d, TimeSpan.FromSeconds(2)), (after.Seconds, after.At - before.At));
        Take(LoadHistory.Window + TimeSpan.FromSeconds(1));
        Assert.Single(_history.Samples);
        Assert.Empty(_history.Names);
    }

    [Fact]
    public async Task Only_so_many_namespaces_are_told_apart_and_all_are_in_the_total()
    {
        for (var i = 0; i < LoadHistory.MaximumSeries + 8; i++)
        {
            await ReadAsync(i.ToString(CultureInfo.InvariantCulture), 1);
        }

        var (sample, _) = Take();

        Assert.Equal(LoadHistory.MaximumSeries, sample.Series.Count);
        Assert.Equal(LoadHistory.MaximumSeries, _history.Names.Count);
        Assert.Equal(LoadHistory.MaximumSeries + 8, sample.Total.Reads);

        // Those that are not read any more make room.
        _time.Advance(LoadHistory.Window + TimeSpan.FromSeconds(1));
        await ReadAsync("late", 1);
        Assert.Equal("late", Assert.Single(Take().NewNames).Name);
        Assert.Equal("late", Assert.Single(_history.Names).Name);
    }

    [Fact]
    public void Samples_are_bounded_by_number_and_by_age()
    {
        for (var i = 0; i < LoadHistory.Capacity + 20; i++)
        {
            Take(TimeSpan.FromMilliseconds(250));
        }

        Assert.Equal(LoadHistory.Capacity, _history.Samples.Count);
        Take(LoadHistory.Window + TimeSpan.FromSeconds(1));
        Assert.Single(_history.Samples);
    }

    private (LoadSample Sample, IReadOnlyList<SeriesName> NewNames) Take(TimeSpan? after = null)
    {
        _time.Advance(after ?? TimeSpan.FromSeconds(2));
        return _history.Take();
    }

    private async Task ReadAsync(string @namespace, int times)
    {
        using (CacheScope.Use(CacheScope.Shared(@namespace)))
        {
            for (var i = 0; i < times; i++)
            {
                await _services.GetRequiredService<HybridCache>().GetOrCreateAsync("k", _ => ValueTask.FromResult(1));
            }
        }
    }
}
