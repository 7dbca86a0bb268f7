using Pipelines.Sockets.Unofficial;

namespace Larder.PipelinesSockets.Tests.Units;

/// <summary>Handlers of an event, one by one.</summary>
public sealed class DelegatesTests
{
    [Fact]
    public void Targets_are_walked_in_order()
    {
        var calls = "";
        Action a = () => calls += "a", b = () => calls += "b";
        var both = a + b + a;

        foreach (var target in both.AsEnumerable())
        {
            Assert.True(target.IsSingle());
            target();
        }

        Assert.Equal("aba", calls);
        Assert.False(both.IsSingle());
    }
}
