namespace Larder.Tests.Shared;

/// <summary>A second level that a test connects to, whether it is one server, a cluster or a sentinel group.</summary>
public interface ITestServer : IAsyncDisposable
{
    /// <summary>What it is.</summary>
    ServerKind Kind { get; }

    /// <summary>How StackExchange.Redis connects to it.</summary>
    string ConnectionString { get; }

    /// <summary>The same for tests that are not about time: an answer that the machine holds up for longer than the client waits by itself is one all the same.</summary>
    string PatientConnectionString => $"{ConnectionString},syncTimeout=30000,asyncTimeout=30000";

    /// <summary>Removes all keys, on every node. Other tests may be using a shared server: prefer keys of your own.</summary>
    Task FlushAsync(CancellationToken cancellationToken = default);

    /// <summary>How often each command has been called so far, on every node together.</summary>
    Task<CommandCounts> CountCommandsAsync(CancellationToken cancellationToken = default);
}
