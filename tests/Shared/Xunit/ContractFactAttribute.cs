using Xunit;
using Xunit.Sdk;

namespace Larder.Tests.Shared;

/// <summary>A fact of an abstract contract class. It runs once per concrete class, skipped where that one says <see cref="NeedsServerAttribute"/> and servers are off.</summary>
[XunitTestCaseDiscoverer("Larder.Tests.Shared.ContractFactDiscoverer", "Larder.Tests.Shared")]
public sealed class ContractFactAttribute : FactAttribute;
