namespace Larder.Consistency.Tests.Short;

/// <summary>These measure time or need the machine for themselves: one after the other, and after all others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class OneAfterTheOther
{
    public const string Name = "short checks";
}
