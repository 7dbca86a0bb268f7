using System.Globalization;
using Larder.Redis;
using StackExchange.Redis;

namespace Larder.Counters;

/// <summary>Counts at a Redis or Valkey server, each change one script on one key.</summary>
/// <remarks>
/// <para>A count stands under <c>{physical key}:count:stamp</c>, a limiter's window under <c>:fixed:</c> or <c>:sliding:</c>. Braces occur in no physical
/// key, so these are nobody's entry or stamp, and a lease ends otherwise. Each script has one key, so a cluster has nothing to object.</para>
/// <para>The stamp in the name is the scope's (see <see cref="Engine.ScopeState.Fold"/>). A clear gives the scope a new one, and so all of its counters new names, which begin at
/// zero; the old ones expire. Stamps lie in other slots, so a script could not look at them; and were the stamp kept in the value, a node that has not
/// heard of a clear and one that has would set one counter back in turns. This way the first goes on with what was cleared, until it hears.</para>
/// </remarks>
internal sealed class RedisCounts(RedisConnection connection)
{
    /// <summary>
    /// KEYS count · ARGV amount, milliseconds, '1' if sliding. Gives the new value as text, because a number of the script's has 53 bits; or 'overflow', which
    /// must not look like a server that fails.
    /// </summary>
    private const string Add =
        """
        local fresh = redis.call('EXISTS', KEYS[1]) == 0
        local added = redis.pcall('INCRBY', KEYS[1], ARGV[1])
        if type(added) == 'table' then
          if string.find(added.err, 'overflow', 1, true) then
            return 'overflow'
          end
          return added
        end
        if fresh or ARGV[3] == '1' then
          redis.call('PEXPIRE', KEYS[1], ARGV[2])
        end
        return redis.call('GET', KEYS[1])
        """;

    /// <summary>KEYS count. Removes it, and gives 1 if it was there. A script for the reason that <see cref="Redis.RedisScripts.Remove"/> is one.</summary>
    private const string Reset =
        """
        return redis.call('DEL', KEYS[1])
        """;

    /// <summary>KEYS window · ARGV permits asked, permits to take, limit, milliseconds. Gives admitted, given in the window, 0, elapsed. The window is the key's own time to live.</summary>
    private const string AcquireFixed =
        """
        local window = tonumber(ARGV[4])
        local used = tonumber(redis.call('GET', KEYS[1]) or '0')
        local left = redis.call('PTTL', KEYS[1])
        if left < 0 then
          left = window
        end
        if used + tonumber(ARGV[1]) > tonumber(ARGV[3]) then
          return {0, used, 0, window - left}
        end
        if ARGV[2] ~= '0' then
          if redis.call('INCRBY', KEYS[1], ARGV[2]) == tonumber(ARGV[2]) then
            redis.call('PEXPIRE', KEYS[1], ARGV[4])
          end
        end
        return {1, used + tonumber(ARGV[2]), 0, window - left}
        """;

    /// <summary>
    /// KEYS window · ARGV as above. Gives admitted, given in this window, given in the one before, elapsed. Windows begin with the first permit, by the server's
    /// clock; one that is set back begins the window anew and forgets nothing.
    /// </summary>
    private const string AcquireSliding =
        """
        local window = tonumber(ARGV[4])
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        local kept = redis.call('HMGET', KEYS[1], 's', 'c', 'p')
        local start, current, previous = tonumber(kept[1] or now), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
        if now < start then
          start = now
        elseif now - start >= 2 * window then
          start, current, previous = now, 0, 0
        elseif now - start >= window then
          start, current, previous = start + window, 0, current
        end
        local elapsed = now - start
        if current + previous * (window - elapsed) / window + tonumber(ARGV[1]) > tonumber(ARGV[3]) then
          return {0, current, previous, elapsed}
        end
        current = current + tonumber(ARGV[2])
        if ARGV[2] ~= '0' then
          redis.call('HSET', KEYS[1], 's', string.format('%.0f', start), 'c', string.format('%.0f', current), 'p', string.format('%.0f', previous))
          redis.call('PEXPIRE', KEYS[1], string.format('%.0f', 2 * window))
        end
        return {1, current, previous, elapsed}
        """;

    /// <summary>The new value, or null if it would not fit.</summary>
    public async Task<long?> AddAsync(string key, long stamp, long amount, TimeSpan expiration, bool sliding)
    {
        var result = (string?)await connection.EvaluateAsync(Add, [Name(key, "count", stamp)], [amount, Milliseconds(expiration), sliding ? "1" : "0"]).ConfigureAwait(false);
        return result == "overflow" ? null : long.Parse(result!, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
    }

    public async Task<long> GetAsync(string key, long stamp)
    {
        var (database, atMaster) = await connection.MasterAsync().ConfigureAwait(false);
        return (long)await database.StringGetAsync(Name(key, "count", stamp), atMaster).ConfigureAwait(false);
    }

    public async Task<bool> ResetAsync(string key, long stamp)
    {
        return (long)await connection.EvaluateAsync(Reset, [Name(key, "count", stamp)]).ConfigureAwait(false) == 1;
    }

    public async Task<WindowState> AcquireAsync(WindowKind kind, string key, long stamp, int permits, int limit, TimeSpan window)
    {
        var (script, suffix) = kind == WindowKind.Fixed ? (AcquireFixed, "fixed") : (AcquireSliding, "sliding");
        var answer = (long[]?)await connection.EvaluateAsync(
            script, [Name(key, suffix, stamp)], [Math.Max(permits, 1), permits, limit, Milliseconds(window)]).ConfigureAwait(false);
        return new WindowState(answer![0] == 1, answer[1], answer[2], answer[3]);
    }

    private static RedisKey Name(string key, string kind, long stamp) => string.Create(CultureInfo.InvariantCulture, $"{{{key}}}:{kind}:{stamp:x16}");

    private static long Milliseconds(TimeSpan span) => (long)Math.Ceiling(span.TotalMilliseconds);
}
