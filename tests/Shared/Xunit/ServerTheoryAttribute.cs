using Xunit;

namespace Larder.Tests.Shared;

/// <summary>A theory that needs a server of the kinds given; see <see cref="ServerFactAttribute"/>.</summary>
public sealed class ServerTheoryAttribute : TheoryAttribute
{
    /// <summary>Marks a theory.</summary>
    public ServerTheoryAttribute(params ServerKind[] kinds)
    {
        Kinds = kinds;
        Skip = kinds.Select(ServerBinary.SkipReason).FirstOrDefault(reason => reason is not null)!;
    }

    /// <summary>What it needs.</summary>
    public IReadOnlyList<ServerKind> Kinds { get; }
}
