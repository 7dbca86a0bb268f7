using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>Says what an entry is besides its value, while it is stored: <c>entry => entry.Index("user", "alice").Expire(TimeSpan.FromMinutes(5))</c>.</summary>
public sealed class CacheEntryBuilder
{
    private readonly List<CacheIndex> _indexes = [];
    private readonly List<string> _tags = [];
    private TimeSpan? _expiration;

    internal CacheEntryBuilder()
    {
    }

    internal IEnumerable<string>? Tags => _tags.Count == 0 ? null : _tags;

    internal CacheIndex[]? Indexes => CacheIndex.Normalize(_indexes);

    internal HybridCacheEntryOptions? Options => _expiration is null ? null : new HybridCacheEntryOptions { Expiration = _expiration };

    /// <summary>Puts the entry into a set, to be found and removed by; at most 64.</summary>
    /// <param name="name">What the set is about, such as <c>user</c>. Not empty, at most 256 characters.</param>
    /// <param name="value">Whose it is, such as <c>alice</c>. Any text of at most 4,096 characters.</param>
    /// <exception cref="ArgumentException">Thrown by the call that stores: the name or value is not valid, or there are too many.</exception>
    public CacheEntryBuilder Index(string name, string value)
    {
        _indexes.Add(new CacheIndex(name, value));
        return this;
    }

    /// <summary>Adds tags to invalidate the entry by.</summary>
    /// <param name="tags">The tags.</param>
    /// <exception cref="ArgumentException">Thrown by the call that stores: a tag is empty, white space, too long, or the reserved <c>*</c>.</exception>
    public CacheEntryBuilder Tag(params ReadOnlySpan<string> tags)
    {
        _tags.AddRange(tags);
        return this;
    }

    /// <summary>How long the entry lives. Default: what the namespace says.</summary>
    /// <param name="expiration">Longer than zero; <see cref="TimeSpan.MaxValue"/> for no end.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiration"/> is zero or negative.</exception>
    public CacheEntryBuilder Expire(TimeSpan expiration)
    {
        _expiration = CheckExpiration(expiration, nameof(expiration));
        return this;
    }

    internal static TimeSpan CheckExpiration(TimeSpan expiration, string name) => expiration > TimeSpan.Zero
        ? expiration
        : throw new ArgumentOutOfRangeException(name, expiration, "An entry must live for longer than zero. Call RemoveAsync to end it at once.");

    internal static CacheEntryBuilder? Build(Action<CacheEntryBuilder>? configure)
    {
        if (configure is null)
        {
            return null;
        }

        var builder = new CacheEntryBuilder();
        configure(builder);
        return builder;
    }
}
