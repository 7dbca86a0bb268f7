using Larder.Backplane;

namespace Larder.Engine;

/// <remarks>What locks need of the engine besides what counters do: to be told when another gives one back.</remarks>
internal sealed partial class CacheEngine
{
    public LeaseWaits.Wait AwaitRelease(ScopeState scope, string name) => _leaseWaits.Register(new MemoryKey(scope, name));

    /// <summary>A random number from 0 to 1, so that nodes do not all come at once.</summary>
    public double NextShare() => _random.NextDouble();

    /// <summary>Tells this node and the others. Only a hint to those who wait; they also poll.</summary>
    public void TellReleased(ScopeState scope, string name)
    {
        _leaseWaits.Wake(new MemoryKey(scope, name));
        if (_backplane is not null)
        {
            _ = _backplane.PublishAsync(BackplaneMessage.KeyFilled(scope.Id, name));
        }
    }
}
