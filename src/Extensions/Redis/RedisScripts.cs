namespace Larder.Redis;

/// <summary>What must happen at the server in one step. Each script touches keys of one slot only.</summary>
internal static class RedisScripts
{
    /// <summary>
    /// KEYS value, lease · ARGV token, milliseconds, '1' to force, id of an entry that does not count (8 bytes, or empty), signature.
    /// Gives the value that stands against the lease, or 1 when the lease was taken, or 0 when someone else holds it; the holder's
    /// lease is then marked with a '+', so that it tells the others when it is done, and need not where nobody waits.
    /// A lease is 16 digits of token, 16 of signature, and perhaps the mark. One with another signature does not count.
    /// The id stands at bytes 8 to 15 of a payload (see EntryPayload).
    /// </summary>
    public const string TryLease =
        """
        if ARGV[3] ~= '1' then
          local id = redis.call('GETRANGE', KEYS[1], 8, 15)
          if id ~= '' and id ~= ARGV[4] then
            return redis.call('GET', KEYS[1])
          end
          local lease = redis.call('GET', KEYS[2])
          if lease and string.sub(lease, 17, 32) == ARGV[5] then
            if #lease == 32 then
              redis.call('APPEND', KEYS[2], '+')
            end
            return 0
          end
        end
        redis.call('SET', KEYS[2], ARGV[1] .. ARGV[5], 'PX', ARGV[2])
        return 1
        """;

    /// <summary>KEYS value, lease · ARGV token, payload, milliseconds or '0' for ever. Gives 0 if the lease did not hold, otherwise stores the value, and gives 2 if someone waits, 1 if not.</summary>
    public const string SetLeased =
        """
        local lease = redis.call('GET', KEYS[2])
        if not lease or string.sub(lease, 1, 16) ~= ARGV[1] then
          return 0
        end
        if ARGV[3] == '0' then
          redis.call('SET', KEYS[1], ARGV[2])
        else
          redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        end
        redis.call('DEL', KEYS[2])
        return #lease > 32 and 2 or 1
        """;

    /// <summary>KEYS value, lease · ARGV payload, milliseconds or '0' for ever. Stores the value and breaks the lease.</summary>
    public const string Set =
        """
        if ARGV[2] == '0' then
          redis.call('SET', KEYS[1], ARGV[1])
        else
          redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        end
        redis.call('DEL', KEYS[2])
        return 1
        """;

    /// <summary>KEYS value, lease · ARGV id (8 bytes), payload, milliseconds or '0' for ever. Stores the value and breaks the lease if the value there has that id.</summary>
    public const string Replace =
        """
        if redis.call('GETRANGE', KEYS[1], 8, 15) ~= ARGV[1] then
          return 0
        end
        if ARGV[3] == '0' then
          redis.call('SET', KEYS[1], ARGV[2])
        else
          redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        end
        redis.call('DEL', KEYS[2])
        return 1
        """;

    /// <summary>KEYS value, lease · ARGV index of the last byte wanted. Removes the value, breaks the lease and gives the beginning of what was there.</summary>
    public const string Take =
        """
        local head = redis.call('GETRANGE', KEYS[1], 0, ARGV[1])
        redis.call('DEL', KEYS[1], KEYS[2])
        return head
        """;

    /// <summary>
    /// KEYS value, lease. Removes the value and breaks the lease. A script, though one command would do: after a failover the client takes the new master for a replica until it asks
    /// next, up to a minute later, and does not even send that one what it knows to be a write. Of a script it does not know.
    /// </summary>
    public const string Remove =
        """
        return redis.call('UNLINK', KEYS[1], KEYS[2])
        """;

    /// <summary>KEYS value · ARGV id (8 bytes). Removes the value if it is the one with that id, without making the server wait for its memory.</summary>
    public const string RemoveOne =
        """
        if redis.call('GETRANGE', KEYS[1], 8, 15) ~= ARGV[1] then
          return 0
        end
        return redis.call('UNLINK', KEYS[1])
        """;

    /// <summary>
    /// KEYS index · ARGV key, seconds. Adds the key, drops up to 100 that have expired, and lets the whole end with its last member. A score is the
    /// second in which the entry ends, times 2^21, plus the second in which it was added, modulo 2^21: in the order of the ends, and one can tell how
    /// long a member has stood there (for 24 days). Both fit into the 53 bits that a score keeps exactly. All by the server's clock.
    /// </summary>
    public const string AddToIndex =
        """
        local now = tonumber(redis.call('TIME')[1])
        local ends = math.min(now + tonumber(ARGV[2]) + 1, 4294967295)
        local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now * 2097152), 'LIMIT', 0, 100)
        if #old > 0 then
          redis.call('ZREM', KEYS[1], unpack(old))
        end
        redis.call('ZADD', KEYS[1], string.format('%.0f', ends * 2097152 + now % 2097152), ARGV[1])
        if redis.call('TTL', KEYS[1]) < ends - now then
          redis.call('EXPIREAT', KEYS[1], string.format('%.0f', ends))
        end
        return 1
        """;

    /// <summary>
    /// KEYS index · ARGV key, score, key, score … Removes members that stand there with the score they were read with, unless they were added in the last
    /// minute: whoever adds one writes its entry after it.
    /// </summary>
    public const string RemoveFromIndex =
        """
        local now = tonumber(redis.call('TIME')[1])
        local removed = 0
        for i = 1, #ARGV, 2 do
          local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
          if score and tonumber(score) == tonumber(ARGV[i + 1]) and (now - tonumber(score)) % 2097152 >= 60 then
            removed = removed + redis.call('ZREM', KEYS[1], ARGV[i])
          end
        end
        return removed
        """;

    /// <summary>KEYS value · ARGV id (8 bytes), milliseconds. Prolongs the value if it is the one with that id.</summary>
    public const string Touch =
        """
        if redis.call('GETRANGE', KEYS[1], 8, 15) ~= ARGV[1] then
          return 0
        end
        return redis.call('PEXPIRE', KEYS[1], ARGV[2])
        """;

    /// <summary>
    /// KEYS count. Counts up, from the server's clock where there is no count: a server that was emptied goes on above where it
    /// was, and only one that has gone back to an older state stands below.
    /// </summary>
    public const string Advance =
        """
        if redis.call('EXISTS', KEYS[1]) == 0 then
          redis.call('SET', KEYS[1], redis.call('TIME')[1] .. '000')
        end
        return redis.call('INCR', KEYS[1])
        """;

    /// <summary>KEYS mark · ARGV milliseconds. Whether nobody has set the mark that long ago. As a script it goes to a server that the client takes for a replica, too.</summary>
    public const string Claim =
        """
        return redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) and 1 or 0
        """;

    /// <summary>KEYS lease · ARGV token, milliseconds. Gives 1 if the lease held and was prolonged.</summary>
    public const string RenewLease =
        """
        local lease = redis.call('GET', KEYS[1])
        if not lease or string.sub(lease, 1, 16) ~= ARGV[1] then
          return 0
        end
        return redis.call('PEXPIRE', KEYS[1], ARGV[2])
        """;

    /// <summary>KEYS lease · ARGV token. Gives 0 if the lease did not hold, otherwise gives it back, and gives 2 if someone waits, 1 if not.</summary>
    public const string ReleaseLease =
        """
        local lease = redis.call('GET', KEYS[1])
        if not lease or string.sub(lease, 1, 16) ~= ARGV[1] then
          return 0
        end
        redis.call('DEL', KEYS[1])
        return #lease > 32 and 2 or 1
        """;

    /// <summary>
    /// KEYS stamp · ARGV a new stamp, milliseconds. Gives the stamp there is, prolonged if it would end sooner, or stores the new one.
    /// </summary>
    public const string GetStamp =
        """
        local stamp = redis.call('GET', KEYS[1])
        if stamp then
          local left = redis.call('PTTL', KEYS[1])
          if left >= 0 and left < tonumber(ARGV[2]) then
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
          end
          return stamp
        end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return ARGV[1]
        """;

    /// <summary>
    /// KEYS stamp · ARGV a new stamp, milliseconds. Replaces the stamp; one that lives longer keeps its time, because
    /// entries may carry it for that long.
    /// </summary>
    public const string SetStamp =
        """
        local left = redis.call('PTTL', KEYS[1])
        if left > tonumber(ARGV[2]) then
          redis.call('SET', KEYS[1], ARGV[1], 'PX', left)
        else
          redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        end
        return 1
        """;
}
