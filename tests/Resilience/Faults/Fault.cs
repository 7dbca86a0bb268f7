using Larder.Resilience.Traffic;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Resilience.Faults;

/// <summary>A server, what is done to it (or to the application), and how that is undone.</summary>
internal abstract class Fault : IAsyncDisposable
{
    /// <summary>Where nodes connect.</summary>
    public abstract string ConnectionString { get; }

    /// <summary>Whether the fault is there before the first node is.</summary>
    public virtual bool IsThereAtStart => false;

    public abstract Task StartAsync();

    public virtual void Configure(LarderOptions options)
    {
    }

    public virtual void Configure(IServiceCollection services)
    {
    }

    public abstract Task BreakAsync(Load load);

    /// <summary>Lets the fault last.</summary>
    public virtual Task HoldAsync(TimeSpan time) => Task.Delay(time);

    /// <summary>What shows that the fault is there, as seen from beside the cache; null if nothing does. Asked while it lasts.</summary>
    public abstract Task<string?> WitnessAsync();

    /// <summary>Makes whole what was broken; when this has ended a client can work again.</summary>
    public abstract Task MendAsync(Load load);

    public abstract ValueTask DisposeAsync();
}
