using System.Reflection;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Larder.Tests.Shared.Tests;

/// <summary>What the runner would say about tests marked in the ways that this library offers.</summary>
internal static class Discovery
{
    /// <summary>One line for each test: its class and method, and why it is skipped.</summary>
    internal static IEnumerable<string> SkipReasons() =>
        from type in (Type[])[typeof(InMemory), typeof(OnRedis), typeof(OnValkey), typeof(Marked)]
        from method in type.GetMethods()
        from attribute in Reflector.Wrap(method).GetCustomAttributes(typeof(FactAttribute))
        from test in Discover(type, method, attribute)
        select $"{type.Name}.{method.Name}: {test.SkipReason ?? "runs"}";

    private static IEnumerable<IXunitTestCase> Discover(Type type, MethodInfo method, IAttributeInfo attribute)
    {
        var collection = new TestCollection(new TestAssembly(Reflector.Wrap(type.Assembly)), null, "markers");
        var test = new TestMethod(new TestClass(collection, Reflector.Wrap(type)), Reflector.Wrap(method));
        var sink = new NullMessageSink();
        IXunitTestCaseDiscoverer discoverer = method.Name switch
        {
            nameof(Contract.Fact) => new ContractFactDiscoverer(sink),
            nameof(Contract.Theory) => new ContractTheoryDiscoverer(sink),
            nameof(Marked.MarkedTheory) => new TheoryDiscoverer(sink),
            _ => new FactDiscoverer(sink),
        };
        return [.. discoverer.Discover(new DefaultOptions(), test, attribute)];
    }

    // Nested in an internal class, so that no runner takes them for tests of this assembly.
    public abstract class Contract
    {
        [ContractFact]
        public void Fact()
        {
        }

        [ContractTheory]
        [InlineData(1)]
        [InlineData(2)]
        public void Theory(int number) => Assert.InRange(number, 1, 2);
    }

    public sealed class InMemory : Contract;

    [NeedsServer(ServerKind.Redis)]
    public sealed class OnRedis : Contract;

    [NeedsServer(ServerKind.ValkeyCluster)]
    public sealed class OnValkey : Contract;

    public sealed class Marked
    {
        [ServerFact(ServerKind.Sentinel)]
        public void MarkedFact()
        {
        }

        [ServerTheory(ServerKind.Valkey)]
        [InlineData(1)]
        public void MarkedTheory(int number) => Assert.Equal(1, number);
    }

    private sealed class DefaultOptions : ITestFrameworkDiscoveryOptions
    {
        public TValue GetValue<TValue>(string name) => default!;

        public void SetValue<TValue>(string name, TValue value) => throw new NotSupportedException();
    }
}
