namespace Larder;

/// <summary>
/// Counters that all nodes share, each with an end. Injected as a singleton; it follows the ambient <see cref="CacheScope"/>. Two scopes
/// never share a counter, and a clear of <see cref="ICacheAdmin"/> sets those of the scopes it names back to zero.
/// </summary>
/// <remarks>
/// <para>On Redis and Valkey every change is one atomic step at the server. In memory alone the process counts. Any other
/// <c>IDistributedCache</c>, and a foreign <c>HybridCache</c> without a server, cannot add atomically: calls throw
/// <see cref="NotSupportedException"/> unless <see cref="LarderOptions.CountOnThisNodeWithoutServer"/> allows counting in this process alone.</para>
/// <para>When the server does not answer, calls throw <see cref="SecondLevelException"/> unless the same option allows counting on this node
/// meanwhile. A change whose answer did not come in time may have been counted nevertheless.</para>
/// </remarks>
public interface ICacheCounters
{
    /// <summary>Adds to a counter, from zero if there is none.</summary>
    /// <param name="key">The counter's key within its scope. Counters and cache entries of one key do not meet.</param>
    /// <param name="amount">How much; may be negative or zero.</param>
    /// <param name="options">When it ends. Default: the namespace's default expiration, counted from the first change.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    /// <returns>The new value.</returns>
    /// <exception cref="OverflowException">The new value would not fit into 64 bits; the counter is unchanged.</exception>
    /// <exception cref="SecondLevelException">The server did not answer.</exception>
    /// <exception cref="NotSupportedException">The cache's store has no atomic addition.</exception>
    /// <exception cref="InvalidOperationException">In memory: as many counters live as <see cref="LarderOptions.MaximumMemoryEntries"/> allows.</exception>
    ValueTask<long> IncrementAsync(string key, long amount = 1, CounterOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Subtracts from a counter, from zero if there is none; see <see cref="IncrementAsync"/>.</summary>
    /// <param name="key">The counter's key within its scope.</param>
    /// <param name="amount">How much; may be negative or zero.</param>
    /// <param name="options">When it ends. Default: the namespace's default expiration, counted from the first change.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    /// <returns>The new value.</returns>
    /// <exception cref="OverflowException">The new value would not fit into 64 bits; the counter is unchanged.</exception>
    /// <exception cref="SecondLevelException">The server did not answer.</exception>
    /// <exception cref="NotSupportedException">The cache's store has no atomic addition.</exception>
    ValueTask<long> DecrementAsync(string key, long amount = 1, CounterOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>The counter's value, zero if there is none. Does not prolong it.</summary>
    /// <param name="key">The counter's key within its scope.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    /// <exception cref="SecondLevelException">The server did not answer.</exception>
    /// <exception cref="NotSupportedException">The cache's store has no atomic addition.</exception>
    ValueTask<long> GetAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Sets the counter back to zero; the next change begins a new time to live.</summary>
    /// <param name="key">The counter's key within its scope.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    /// <exception cref="SecondLevelException">The server did not answer; the counter may stand as it was.</exception>
    /// <exception cref="NotSupportedException">The cache's store has no atomic addition.</exception>
    ValueTask ResetAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>The same counters, in <paramref name="scope"/> whatever the ambient scope is.</summary>
    /// <param name="scope">The scope.</param>
    ICacheCounters InScope(CacheScope scope);
}
