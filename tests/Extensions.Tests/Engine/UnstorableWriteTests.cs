using Larder.Engine;
using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>Values that are set and cannot be stored: what the key held before must go all the same.</summary>
public sealed class UnstorableWriteTests : IAsyncDisposable
{
    private static readonly string TooLarge = new('x', 1_000);

    private readonly TestSecondLevel _level = new();
    private readonly CacheEngine _engine;
    private readonly HybridCache _cache;

    public UnstorableWriteTests()
    {
        _engine = TestEngine.Create(
            _level, null, options =>
            {
                TestEngine.Patient(options);
                options.MaximumPayloadBytes = TooLarge.Length - 1;
            }, register: services => services.AddUnwritable());
        _cache = new ScopedHybridCache(_engine, CacheScope.Raw);
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Fact]
    public Task Setting_a_value_that_is_too_large_waits_for_a_write_on_its_way_and_removes_what_it_leaves() =>
        WaitsAndRemovesAsync(() => _cache.SetAsync("key", TooLarge));

    [Fact]
    public Task Setting_a_value_that_cannot_be_serialized_waits_for_a_write_on_its_way_and_removes_what_it_leaves() =>
        WaitsAndRemovesAsync(() => _cache.SetAsync("key", new Unwritable()));

    private async Task WaitsAndRemovesAsync(Func<ValueTask> set)
    {
        var landing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _level.Before = (call, _) => call == "Set" ? landing.Task : Task.CompletedTask;
        var loading = _cache.GetOrCreateAsync("key", _ => new ValueTask<string>("old")).AsTask();
        Assert.Single(_level.HandedOver);

        var setting = set().AsTask();
        Assert.False(setting.IsCompleted);
        landing.SetResult();
        await setting;

        Assert.Equal("old", await loading);
        Assert.Empty(_level.Keys);
        Assert.Equal("new", await _cache.GetOrCreateAsync("key", _ => new ValueTask<string>("new"), new() { Flags = HybridCacheEntryFlags.DisableLocalCacheRead }));
    }
}
