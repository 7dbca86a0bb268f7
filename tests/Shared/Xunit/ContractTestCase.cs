using System.ComponentModel;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Larder.Tests.Shared;

/// <summary>A test that asks the concrete class, not the method it inherits, whether it needs a server.</summary>
public sealed class ContractTestCase : XunitTestCase
{
    /// <summary>For the runner, which rebuilds tests in the process that executes them.</summary>
    [EditorBrowsable(EditorBrowsableState.Never)]
    [Obsolete("Called by the runner only.", error: true)]
    public ContractTestCase()
    {
    }

    internal ContractTestCase(IMessageSink diagnostics, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod method)
        : base(diagnostics, display, options, method)
    {
    }

    internal static string? ReasonToSkip(ITestMethod method) =>
        method.TestClass.Class.GetCustomAttributes(typeof(NeedsServerAttribute))
            .Concat(method.Method.GetCustomAttributes(typeof(NeedsServerAttribute)))
            .SelectMany(attribute => attribute.GetNamedArgument<IReadOnlyList<ServerKind>>(nameof(NeedsServerAttribute.Kinds)))
            .Select(ServerBinary.SkipReason)
            .FirstOrDefault(reason => reason is not null);

    /// <inheritdoc/>
    protected override string GetSkipReason(IAttributeInfo factAttribute) =>
        base.GetSkipReason(factAttribute) ?? ReasonToSkip(TestMethod)!;
}
