using Larder.Engine;

namespace Larder.Consistency.Levels;

/// <summary>A second level whose stamps never change, so that no tag and no clear invalidates anything.</summary>
internal sealed class BrokenStamps(SecondLevel inner) : SecondLevelDecorator(inner)
{
    public override Task<long> GetStampAsync(string group, TimeSpan life, CancellationToken cancellationToken) => Task.FromResult(42L);

    public override Task SetStampAsync(string group, long stamp, TimeSpan life, CancellationToken cancellationToken) => Task.CompletedTask;
}
