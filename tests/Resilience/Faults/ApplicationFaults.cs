using Larder.Resilience.Nodes;
using Larder.Resilience.Traffic;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Resilience.Faults;

/// <summary>The application caches values of 5 MB: within its limit, or beyond it.</summary>
internal sealed class LargeValues(ServerKind kind, bool allowed) : ServerFault(kind)
{
    private Load? _load;

    public override void Configure(LarderOptions options)
    {
        if (allowed)
        {
            options.MaximumPayloadBytes = 8 * 1024 * 1024;
        }
    }

    public override Task BreakAsync(Load load)
    {
        _load = load;
        load.LargeIsUnavoidable = !allowed;
        load.LargeEvery = 500;
        return Task.CompletedTask;
    }

    public override async Task<string?> WitnessAsync()
    {
        // A load that is under way has a lease there, which is no value.
        var held = (await Server.CommandAsync("KEYS", "*large*")).Texts.Count(key => !key!.EndsWith(":lease", StringComparison.Ordinal));
        return _load!.LargeCalls == 0 || allowed == (held == 0) ? null : $"{_load.LargeCalls} calls, {held} values at the server";
    }

    public override Task MendAsync(Load load)
    {
        load.LargeEvery = 0;
        return Task.CompletedTask;
    }
}

/// <summary>The application's serializer of one type throws.</summary>
internal sealed class SerializerFails(ServerKind kind, bool onWrite) : ServerFault(kind)
{
    private readonly FaultySerializer _serializer = new();

    public override void Configure(IServiceCollection services) => services.AddSingleton<IHybridCacheSerializer<Thing>>(_serializer);

    public override Task BreakAsync(Load load)
    {
        load.ThingsAreUnavoidable = true;
        Fails = true;
        return Task.CompletedTask;
    }

    public override Task<string?> WitnessAsync() => Task.FromResult(_serializer.Failures == 0 ? null : $"{_serializer.Failures} times");

    public override Task MendAsync(Load load)
    {
        Fails = false;
        load.ThingsAreUnavoidable = false;
        return Task.CompletedTask;
    }

    private bool Fails
    {
        set
        {
            _serializer.FailsOnWrite = value && onWrite;
            _serializer.FailsOnRead = value && !onWrite;
        }
    }
}
