using System.Buffers.Binary;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Engine;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Diagnostics;

public sealed class StatisticsMemoryTests
{
    [Fact]
    public async Task An_entry_that_says_it_is_from_the_far_future_does_not_stop_the_statistics()
    {
        var store = new TestDistributedCache(TimeProvider.System);
        await using (var writer = NewEngine())
        {
            await new ScopedHybridCache(writer, CacheScope.Raw).SetAsync("k", 1);
        }

        // As whoever may write to the store can. No date of .NET is so late.
        foreach (var key in store.Keys)
        {
            var payload = store[key]!;
            if (payload[0] == EntryPayload.Magic)
            {
                BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(32), long.MaxValue / 8);
                BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(40), long.MaxValue / 4);
                Payloads.Reseal(payload);
                store[key] = payload;
            }
        }

        await using var engine = NewEngine();
        Assert.Equal(1, await new ScopedHybridCache(engine, CacheScope.Raw).GetOrCreateAsync("k", _ => ValueTask.FromResult(2)));

        Assert.Equal((1, DateTimeOffset.MaxValue), (engine.GetStatistics().Total.Entries, engine.GetStatistics().Total.Newest));

        CacheEngine NewEngine() => TestEngine.Create(new DistributedSecondLevel(store, "larder:", TimeProvider.System), null, TestEngine.Patient);
    }
}
