using System.Globalization;
using Larder.Redis;
using StackExchange.Redis;

namespace Larder.Locks;

/// <summary>Locks at a Redis or Valkey server.</summary>
/// <remarks>
/// A lock stands under <c>{physical key}:lock</c> and its last fencing token under <c>{physical key}:fence</c>. The key in braces is their hash tag, so they share a slot;
/// braces occur in no physical key, so these are nobody's entry, lease or counter. A lock is 16 digits of its owner, and a '+' once somebody waits. Clears
/// do not touch it: to clear a cache must not let a second holder in.
/// </remarks>
internal sealed class RedisLocks(RedisConnection connection) : ILockServer
{
    /// <summary>
    /// For how long the last token is remembered. It is only needed where the server's clock was set back, or when more locks are taken than microseconds pass: otherwise
    /// the clock alone makes the next token higher.
    /// </summary>
    private static readonly TimeSpan FenceLife = TimeSpan.FromDays(1);

    /// <summary>
    /// KEYS lock, fence · ARGV owner, milliseconds, '1' if the caller waits, milliseconds for the fence. Gives the fencing token as text, or the milliseconds that the
    /// holder has left as a number. The microseconds of this century and the next fit into the 53 bits of a script's number.
    /// </summary>
    private const string Acquire =
        """
        local lock = redis.call('GET', KEYS[1])
        if lock then
          if ARGV[3] == '1' and #lock == 16 then
            redis.call('APPEND', KEYS[1], '+')
          end
          return redis.call('PTTL', KEYS[1])
        end
        local time = redis.call('TIME')
        local fence = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local last = tonumber(redis.call('GET', KEYS[2]) or '0') or 0
        if fence <= last then
          fence = last + 1
        end
        fence = string.format('%.0f', fence)
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        redis.call('SET', KEYS[2], fence, 'PX', ARGV[4])
        return fence
        """;

    /// <summary>KEYS lock · ARGV owner, milliseconds. Gives 1 if the lock was the owner's and was prolonged.</summary>
    private const string Renew =
        """
        local lock = redis.call('GET', KEYS[1])
        if not lock or string.sub(lock, 1, 16) ~= ARGV[1] then
          return 0
        end
        return redis.call('PEXPIRE', KEYS[1], ARGV[2])
        """;

    /// <summary>KEYS lock · ARGV owner. Gives 0 if the lock was not the owner's; otherwise gives it back, and gives 2 if somebody waits, 1 if not.</summary>
    private const string Release =
        """
        local lock = redis.call('GET', KEYS[1])
        if not lock or string.sub(lock, 1, 16) ~= ARGV[1] then
          return 0
        end
        redis.call('DEL', KEYS[1])
        return #lock > 16 and 2 or 1
        """;

    public async Task<LockAnswer> TryAcquireAsync(string key, long owner, TimeSpan lease, bool waits)
    {
        var result = await connection.EvaluateAsync(
            Acquire, [LockKey(key), $"{{{key}}}:fence"], [Text(owner), Milliseconds(lease), waits ? "1" : "0", Milliseconds(FenceLife)]).ConfigureAwait(false);
        return result.Resp2Type == ResultType.Integer
            ? new LockAnswer(0, (long)result is >= 0 and var left ? TimeSpan.FromMilliseconds(left) : TimeSpan.MaxValue)
            : new LockAnswer(long.Parse((string)result!, NumberStyles.None, CultureInfo.InvariantCulture), default);
    }

    public async Task<bool> RenewAsync(string key, long owner, TimeSpan lease)
    {
        return (long)await connection.EvaluateAsync(Renew, [LockKey(key)], [Text(owner), Milliseconds(lease)]).ConfigureAwait(false) == 1;
    }

    public async Task<bool> ReleaseAsync(string key, long owner)
    {
        return (long)await connection.EvaluateAsync(Release, [LockKey(key)], [Text(owner)]).ConfigureAwait(false) == 2;
    }

    private static RedisKey LockKey(string key) => $"{{{key}}}:lock";

    private static string Text(long value) => value.ToString("x16", CultureInfo.InvariantCulture);

    private static long Milliseconds(TimeSpan span) => (long)Math.Ceiling(span.TotalMilliseconds);
}
