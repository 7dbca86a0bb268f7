using Xunit;

namespace Larder.Tests.Shared;

/// <summary>A fact that needs a server of the kinds given; visibly skipped with <c>LARDER_TEST_SERVERS=none</c>.</summary>
/// <remarks>When the server is merely missing the test runs, and fails with a line that says what to install.</remarks>
public sealed class ServerFactAttribute : FactAttribute
{
    /// <summary>Marks a fact.</summary>
    public ServerFactAttribute(params ServerKind[] kinds)
    {
        Kinds = kinds;
        Skip = kinds.Select(ServerBinary.SkipReason).FirstOrDefault(reason => reason is not null)!;
    }

    /// <summary>What it needs.</summary>
    public IReadOnlyList<ServerKind> Kinds { get; }
}
