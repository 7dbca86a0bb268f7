using Larder.Redis;

namespace Larder.Health;

/// <summary>What the probes of one run share: the view of the server is made once, and INFO is asked once of each node.</summary>
internal sealed class ProbeRun(RedisConnection? connection, CancellationToken cancellationToken)
{
    private readonly Lazy<Task<ServerView>> _server = new(async () =>
    {
        // A connection that is never made must not keep every run that waited for it.
        var multiplexer = await connection!.GetAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        return new ServerView(multiplexer, cancellationToken);
    });

    public bool HasServer => connection is not null;

    public Task<ServerView> ServerAsync() => _server.Value;
}
