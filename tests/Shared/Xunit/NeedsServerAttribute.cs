namespace Larder.Tests.Shared;

/// <summary>Says that the contract tests a class inherits run on servers of the kinds given.</summary>
/// <remarks>Goes on the concrete class; <see cref="ContractFactAttribute"/> on the methods of its abstract base looks for it.</remarks>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class NeedsServerAttribute(params ServerKind[] kinds) : Attribute
{
    /// <summary>What it needs.</summary>
    public IReadOnlyList<ServerKind> Kinds { get; } = kinds;
}
