using Xunit.Abstractions;
using Xunit.Sdk;

namespace Larder.Tests.Shared;

/// <summary>Finds the tests behind <see cref="ContractTheoryAttribute"/>; a skipped theory counts as one test.</summary>
public sealed class ContractTheoryDiscoverer(IMessageSink diagnostics) : TheoryDiscoverer(diagnostics)
{
    /// <inheritdoc/>
    public override IEnumerable<IXunitTestCase> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo theoryAttribute) =>
        ContractTestCase.ReasonToSkip(testMethod) is null
            ? base.Discover(discoveryOptions, testMethod, theoryAttribute)
            : [new ContractTestCase(
                DiagnosticMessageSink, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod)];
}
