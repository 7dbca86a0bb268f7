namespace Larder.Resilience.Tests;

/// <summary>Each keeps the machine busy: one after the other, and after all others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class OneAfterTheOther
{
    public const string Name = "short faults";
}
