using System.Diagnostics;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Larder.Tests.Diagnostics;

/// <summary>What an operation at the second level shows of itself, and when it shows nothing.</summary>
[Collection(Alone.Name)]
public sealed class OperationTelemetryTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly LarderMetrics _metrics = new(null);
    private readonly TestSecondLevel _level = new();
    private readonly GuardedSecondLevel _second;

    public OperationTelemetryTests() =>
        _second = new GuardedSecondLevel(_level, new SecondLevelTimeouts(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)), _time, _metrics, NullLogger.Instance, () => 0);

    public void Dispose() => _metrics.Dispose();

    [Fact]
    public async Task A_failure_shows_its_kind_and_not_its_message()
    {
        using var measured = new Measurements(_metrics);
        using var spans = new Spans();
        _level.Before = (_, _) =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(40));
            throw new IOException("s3cret");
        };
        Assert.False((await _second.GetAsync("key s3cret", HybridCacheEntryFlags.None)).Succeeded);

        Assert.Equal(0.04, measured.Sum("larder.second_level.duration larder.operation=get error.type=System.IO.IOException"), 6);
        var get = Assert.Single(spans.All);
        Assert.Equal((ActivityStatusCode.Error, "System.IO.IOException"), (get.Status, get.GetTagItem("error.type")));
        Assert.DoesNotContain("s3cret", Spans.Text(get), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_operation_that_takes_too_long_is_measured_until_it_is_given_up()
    {
        using var measured = new Measurements(_metrics);
        using var spans = new Spans();
        var never = new TaskCompletionSource();
        _level.Before = (_, _) => never.Task;
        var remove = _second.RemoveAsync("key").AsTask();
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False((await remove.WaitAsync(TimeSpan.FromSeconds(60))).Succeeded);

        Assert.Equal(1, measured.Sum("larder.second_level.duration larder.operation=remove error.type=timeout"), 6);
        Assert.Equal("timeout", Assert.Single(spans.All).GetTagItem("error.type"));
    }

    [Fact]
    public async Task What_is_not_tried_took_no_time()
    {
        using var measured = new Measurements(_metrics);
        _level.Before = (_, _) => throw new IOException();
        for (var i = 0; i < 5; i++)
        {
            await _second.GetAsync("key", HybridCacheEntryFlags.None);
        }

        Assert.True(_second.IsOpen);
        Assert.Equal((3, 2), (measured.Count("larder.second_level.duration"), measured.Sum("larder.second_level.failures open")));
    }

    [Fact]
    public async Task Work_that_nobody_asked_for_has_no_span_and_is_measured()
    {
        using var measured = new Measurements(_metrics);
        using var spans = new Spans();
        Activity.Current = null;
        var ended = 0;
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Larder",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = span => ended += span.OperationName == "larder.second_level.advance" ? 1 : 0,
        };
        ActivitySource.AddActivityListener(listener);
        await _second.AdvanceAsync();

        Assert.Equal((1, 0), (measured.Count("larder.second_level.duration larder.operation=advance"), ended));
        Activity.Current = spans.Root;
        await _second.AdvanceAsync();
        Assert.Single(spans.Named("larder.second_level.advance"));
    }
}
