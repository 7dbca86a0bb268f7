using Xunit;
using Xunit.Sdk;

namespace Larder.Tests.Shared;

/// <summary>A theory of an abstract contract class; see <see cref="ContractFactAttribute"/>.</summary>
[XunitTestCaseDiscoverer("Larder.Tests.Shared.ContractTheoryDiscoverer", "Larder.Tests.Shared")]
public sealed class ContractTheoryAttribute : TheoryAttribute;
