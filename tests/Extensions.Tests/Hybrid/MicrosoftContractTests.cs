#if WITH_MICROSOFT_HYBRID_CACHE
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Internal;

namespace Larder.Tests.Hybrid;

/// <summary>Microsoft's implementation as it is: shows which of the contract's expectations are Larder's alone.</summary>
public class MicrosoftContractTests : HybridCacheContract
{
    private protected TestDistributedCache Second { get; }

    public MicrosoftContractTests() => Second = new TestDistributedCache(Clock);

    protected override bool IsShared => true;

    protected override bool FencesLoads => false;

    protected override bool ZeroSwitchesCachingOff => false;

    protected override bool CachesAnyCharacter => false;

    protected override bool KeepsNullApartFromEmpty => false;

    protected override bool SurvivesSerializers => false;

    protected override bool RefusesEmptyTags => false;

    protected override bool OversizeStaysInMemory => true;

    protected override bool HasScopes => false;

    protected override void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure)
    {
        var settings = new LarderOptions();
        configure(settings);
        services.AddSingleton<IDistributedCache>(Second);
        services.AddSingleton<IMemoryCache>(new MemoryCache(new MemoryCacheOptions { Clock = new MemoryClock(Clock) }));
        services.AddHybridCache(options =>
        {
            options.MaximumKeyLength = settings.MaximumKeyLength;
            options.MaximumPayloadBytes = settings.MaximumPayloadBytes;
            options.DefaultEntryOptions = new HybridCacheEntryOptions { Expiration = settings.DefaultExpiration, Flags = settings.DefaultFlags };
        });
    }

    private sealed class MemoryClock(TimeProvider time) : ISystemClock
    {
        public DateTimeOffset UtcNow => time.GetUtcNow();
    }
}

/// <summary>Larder around Microsoft's implementation: everything holds again.</summary>
public sealed class MicrosoftWrappedContractTests : MicrosoftContractTests
{
    protected override bool FencesLoads => true;

    protected override bool ZeroSwitchesCachingOff => true;

    protected override bool CachesAnyCharacter => true;

    protected override bool SurvivesSerializers => true;

    protected override bool RefusesEmptyTags => true;

    protected override bool OversizeStaysInMemory => false;

    protected override bool ReferencesAreKept => false;

    protected override bool KeepsNullApartFromEmpty => true;

    // After a write only what was written is accepted for the key, whichever level it went to.
    protected override bool LevelsMayDiffer => false;

    // Without a backplane nothing tells this node's wrapped cache that another one changed a key.
    protected override bool NoticesKeysOfOthers => false;

    protected override bool HasScopes => true;

    protected override Task<bool> CopyStoredAsync(string from, string to)
    {
        Second[to] = Second[from];
        return Task.FromResult(true);
    }

    protected override void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure)
    {
        base.AddCache(services, prefix, static _ => { });
        services.AddLarder(configure);
    }

    protected override Task CatchUpAsync()
    {
        Clock.Advance(new LarderOptions().StampAge + TimeSpan.FromMilliseconds(1));
        return Task.CompletedTask;
    }
}
#endif
