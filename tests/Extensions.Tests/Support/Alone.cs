using Xunit;

namespace Larder.Tests;

/// <summary>For what keeps all cores busy, and for what listens to all spans of the process, which others then make: it runs when nothing else does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
