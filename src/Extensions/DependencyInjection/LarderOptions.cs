using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>
/// Settings of the whole pack. Each can come from code, from the <c>Larder</c> section of the configuration or from an
/// environment variable, in this order of precedence; see <c>docs/configuration.md</c>.
/// </summary>
public sealed class LarderOptions
{
    /// <summary>
    /// First part of every key at the second level, so that applications can share a server.
    /// Default <c>cache</c>. Environment: <c>CACHE_PREFIX</c>, <c>REDIS_PREFIX</c>, <c>VALKEY_PREFIX</c>. Not empty.
    /// </summary>
    public string Prefix { get; set; } = "cache";

    /// <summary>
    /// Version of what the application stores; after a change nothing stored under another version is read any more.
    /// Default <c>v1</c>. Environment: <c>CACHE_VERSION</c>. Not empty.
    /// </summary>
    public string Version { get; set; } = "v1";

    /// <summary>
    /// How long an entry lives when neither the call nor its namespace says so. Default 5 minutes.
    /// <see cref="TimeSpan.Zero"/> switches caching off: every call runs its factory. Not negative.
    /// Environment, in seconds: <c>CACHE_TTL_DEFAULT</c>, <c>KV_CACHE_TTL_SECONDS</c>, <c>REDIS_CACHE_TTL</c>, <c>VALKEY_CACHE_TTL</c>.
    /// </summary>
    public TimeSpan DefaultExpiration { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// For entries that are to live a short time: nothing uses it by itself, calls and namespaces take it from here. Default 30 seconds.
    /// Environment, in seconds: <c>CACHE_TTL_SHORT</c>. Not negative.
    /// </summary>
    public TimeSpan ShortExpiration { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The same for a long time. Default 1 hour. Environment, in seconds: <c>CACHE_TTL_LONG</c>. Not negative.</summary>
    public TimeSpan LongExpiration { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long a node keeps its own copy of an entry. Default: as long as the entry lives. Must be positive.</summary>
    public TimeSpan? DefaultLocalCacheExpiration { get; set; }

    /// <summary>Flags for every call that gives none of its own. Default none.</summary>
    public HybridCacheEntryFlags DefaultFlags { get; set; }

    /// <summary>How long "not found" is remembered, at most as long as a value would be. Default 30 seconds. Positive.</summary>
    public TimeSpan NotFoundExpiration { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether a factory that returns null says "not found" (default), or null is stored as a value.</summary>
    public bool NullIsNotFound { get; set; } = true;

    /// <summary>
    /// By which share, at random, entries live longer or shorter than they were given, so that what was loaded together does not
    /// expire together. Default 0, for not at all; 0.1 is a good choice. From 0 to 0.5.
    /// </summary>
    public double Jitter { get; set; }

    /// <summary>
    /// An entry ends when nobody has read it for this long, and at its expiration at the latest. Default zero, for off. Not negative. A read
    /// costs no write: a node tells the second level at most once in an eighth of the time, so there an entry may last that much longer.
    /// </summary>
    public TimeSpan SlidingExpiration { get; set; }

    /// <summary>
    /// After which share of its life an entry is loaded again in the background by the next read, which is given the present value and does
    /// not wait. One load per key, across nodes where there are leases. Default 0, for off; 0.8 is a good choice. Less than 1.
    /// </summary>
    public double EarlyRefreshThreshold { get; set; }

    /// <summary>The same as a time before the entry expires; whichever of the two comes first counts. Default zero, for off. Not negative.</summary>
    public TimeSpan EarlyRefreshBefore { get; set; }

    /// <summary>
    /// How long after its expiration a value is still served, while the first read starts a load in the background (RFC 5861). It belongs
    /// to the entry: all who read it get it. Default zero, for off. Not negative.
    /// </summary>
    public TimeSpan StaleWhileRevalidate { get; set; }

    /// <summary>
    /// Fail-safe: how long after its expiration a value may stand in for one that could not be loaded, because the factory failed or a timeout
    /// has passed (RFC 5861). Default zero, for off. Not negative.
    /// </summary>
    public TimeSpan StaleIfError { get; set; }

    /// <summary>Which values may stand in. Default <see cref="StaleValues.Verified"/>: none that was invalidated, on any node.</summary>
    public StaleValues StaleIfErrorServes { get; set; }

    /// <summary>After a failed load the stale value is served for this long before the next is tried. Default 5 seconds. Positive.</summary>
    public TimeSpan StaleIfErrorThrottle { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a caller waits for a load when a stale value may stand in (see <see cref="StaleIfError"/>). The load goes on in the background
    /// and its result is stored. Default <see cref="Timeout.InfiniteTimeSpan"/>, for off. Positive, at most a day.
    /// </summary>
    public TimeSpan SoftTimeout { get; set; } = Timeout.InfiniteTimeSpan;

    /// <summary>
    /// How long a caller waits for a load at most; then it gets a stale value that may stand in, or a <see cref="TimeoutException"/>. The load
    /// goes on in the background and its result is stored. Default <see cref="Timeout.InfiniteTimeSpan"/>, for off. Positive, at most a day, at least <see cref="SoftTimeout"/>.
    /// </summary>
    public TimeSpan HardTimeout { get; set; } = Timeout.InfiniteTimeSpan;

    /// <summary>
    /// How many loads a node runs in the background at once. When there are more, entries are refreshed a little later; nobody waits.
    /// Default 128. At least 1.
    /// </summary>
    public int MaximumBackgroundLoads { get; set; } = 128;

    /// <summary>
    /// The longest key that is cached, in characters. A longer key is not an error: its factory runs on every call.
    /// Default 1024. From 1 to 32,768.
    /// </summary>
    public int MaximumKeyLength { get; set; } = 1024;

    /// <summary>
    /// The largest serialized value that is stored, in bytes. A larger one is returned to its caller and not stored.
    /// Default 1 MiB. At least 1, at most 512 MiB.
    /// </summary>
    public long MaximumPayloadBytes { get; set; } = 1024 * 1024;

    /// <summary>
    /// How values are compressed at the second level; memory keeps them as they are. Default <see cref="CacheCompression.None"/>. A call turns it off with
    /// <see cref="HybridCacheEntryFlags.DisableCompression"/>. What is stored is read whatever this says.
    /// </summary>
    public CacheCompression Compression { get; set; }

    /// <summary>
    /// From how many bytes on a serialized value is compressed. One that would not become an eighth smaller is stored as it is. Default 2,048. Not negative.
    /// </summary>
    public int CompressionThreshold { get; set; } = 2_048;

    /// <summary>
    /// Whether values are encrypted at the second level; memory keeps them as they are. Default null: if <c>AddEncryption</c> gave keys. <see langword="true"/>
    /// without keys is refused.
    /// </summary>
    public bool? Encrypt { get; set; }

    /// <summary>
    /// Whether entries that are not encrypted are read where new ones are: for as long as entries from before the change live. They could be anybody's who can write to the
    /// server. Default false: they are misses.
    /// </summary>
    public bool AcceptUnencrypted { get; set; }

    /// <summary>The most entries a node keeps in memory; beyond it the least useful are evicted. Default 100,000. At least 16.</summary>
    public int MaximumMemoryEntries { get; set; } = 100_000;

    /// <summary>
    /// The most bytes a node keeps in memory, counted as keys, serialized values and a fixed cost per entry; values that
    /// were never serialized are counted at an estimate. Default 256 MiB. At least 64 KiB.
    /// </summary>
    public long MaximumMemoryBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>
    /// How long an answer of the second level is awaited before the call goes on without it, where no timeout of its kind is set.
    /// Default 500 ms. Positive, at most 5 minutes.
    /// </summary>
    public TimeSpan SecondLevelTimeout { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The same for what a read asks: values, ids, stamps, leases. Default null: <see cref="SecondLevelTimeout"/>. Positive, at most 5 minutes.
    /// </summary>
    public TimeSpan? SecondLevelReadTimeout { get; set; }

    /// <summary>
    /// The same for storing loaded and set values, and for prolonging and giving back leases. Default null:
    /// <see cref="SecondLevelTimeout"/>. Positive, at most 5 minutes.
    /// </summary>
    public TimeSpan? SecondLevelWriteTimeout { get; set; }

    /// <summary>
    /// The same for removals, for invalidating tags and levels, and for each message to the other nodes. Default null:
    /// <see cref="SecondLevelTimeout"/>. Positive, at most 5 minutes.
    /// </summary>
    public TimeSpan? SecondLevelInvalidationTimeout { get; set; }

    /// <summary>
    /// How long other nodes wait for a loader that has died: the time to live of the lease a load holds at the server.
    /// A living loader renews it. Default 5 seconds. From 100 milliseconds to 5 minutes.
    /// </summary>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The longest time a node may serve from memory without proof that it hears the other nodes. Default 5 seconds.
    /// From 200 milliseconds to 5 minutes.
    /// </summary>
    public TimeSpan BackplaneTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a node trusts its memory of stamps and entries where no backplane tells it of changes (any
    /// <c>IDistributedCache</c> other than Redis and Valkey). Default 5 seconds. Positive, at most a day.
    /// </summary>
    public TimeSpan StampAge { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How many worker threads the process's thread pool may start without hesitation, once Larder uses a Redis or Valkey server: a lower minimum
    /// (<see cref="ThreadPool.SetMinThreads"/>) is raised to this, a higher one left. The client library blocks some threads of the pool
    /// when it loses a server or looks for a new master; a pool that begins with one or two, as on machines of few cores, then
    /// stands still for seconds, and with it all of the application. Default 16. From 0, which leaves the pool alone, to 1,000.
    /// </summary>
    public int MinimumPoolThreads { get; set; } = 16;

    /// <summary>
    /// What <c>GetOrCreateAsync</c> and <c>TryGetAsync</c> do when the second level could not be read. Default
    /// <see cref="SecondLevelFailure.Tolerate"/>: as if it held nothing, so the factory runs. <see cref="SecondLevelFailure.Throw"/>: they
    /// throw a <see cref="SecondLevelException"/> and run no factory, for sources that could not bear the load of all nodes; what memory
    /// may serve is served. While a server that is back, or has taken over, is told what was invalidated meanwhile, they wait, for
    /// <see cref="SecondLevelReadTimeout"/> at most. A call that leaves the second level out by its flags does not throw.
    /// <see cref="SecondLevelFailure.Queue"/> is refused: a read cannot be made up for.
    /// </summary>
    public SecondLevelFailure OnReadFailure { get; set; } = SecondLevelFailure.Tolerate;

    /// <summary>
    /// What <c>SetAsync</c> does when the second level or the other nodes could not be told. Default <see cref="SecondLevelFailure.Queue"/>: it
    /// completes, this node has the new value, and when the server is back the key is removed there and the other nodes are told.
    /// <see cref="SecondLevelFailure.Throw"/>: the same, and the caller gets a <see cref="SecondLevelException"/>.
    /// <see cref="SecondLevelFailure.Tolerate"/> is refused: the old value would stay. A value that a factory has loaded is returned to its
    /// caller under either policy, whether or not it could be stored.
    /// </summary>
    public SecondLevelFailure OnWriteFailure { get; set; } = SecondLevelFailure.Queue;

    /// <summary>
    /// What <c>RemoveAsync</c>, <c>RemoveByTagAsync</c> and the clears of <see cref="ICacheAdmin"/> do when the second level or the other nodes
    /// could not be told. Default <see cref="SecondLevelFailure.Queue"/>: the call completes; the invalidation holds on this node at once, is
    /// kept, and reaches the server and the other nodes when they are back. <see cref="SecondLevelFailure.Throw"/>: the same, and the caller
    /// gets a <see cref="SecondLevelException"/>. <see cref="SecondLevelFailure.Tolerate"/> is refused: an acknowledged invalidation would be lost.
    /// </summary>
    public SecondLevelFailure OnInvalidationFailure { get; set; } = SecondLevelFailure.Queue;

    /// <summary>
    /// Whether <see cref="ICacheCounters"/> and rate limiters count on this node alone where nodes cannot count together: while the server does not answer, and
    /// always on stores without atomic addition (any <c>IDistributedCache</c> other than Redis and Valkey, or a foreign <c>HybridCache</c>).
    /// What was counted so is not added when the server is back. Default false: calls throw <see cref="SecondLevelException"/> or
    /// <see cref="NotSupportedException"/>, because a number that was made up is worse than none.
    /// </summary>
    public bool CountOnThisNodeWithoutServer { get; set; }

    /// <summary>
    /// How many invalidations are kept for later while the server is away, one per key or group. When there are more,
    /// they are replaced by one that clears everything. Default 10,000. At least 1.
    /// </summary>
    public int MaximumPendingInvalidations { get; set; } = 10_000;

    /// <summary>
    /// How often one of the nodes gives back what invalidated entries still take at a Redis or Valkey server (see
    /// <see cref="ICacheAdmin.PurgeAsync"/>). Default 1 hour; <see cref="TimeSpan.Zero"/> for never. At most 30 days. Other
    /// second levels cannot be scanned; their entries go when they expire.
    /// </summary>
    public TimeSpan PurgeInterval { get; set; } = TimeSpan.FromHours(1);

    /// <summary>
    /// Whether hits, misses, loads and so on are counted per scope for <see cref="ICacheAdmin.GetStatistics"/>, and each entry in memory notes its hits. Default
    /// false: nothing is counted, and it costs nothing. Environment: <c>CACHE_METRICS</c>. Meters do not depend on it.
    /// </summary>
    public bool Statistics { get; set; }

    /// <summary>
    /// Whether measurements and spans name the tenant besides the namespace. Default false: what listens keeps a sum for each tenant. At most 1,000 tenants are told apart, each in each of its
    /// namespaces; further ones count together as <c>_OTHER</c>.
    /// </summary>
    public bool TelemetryByTenant { get; set; }

    /// <summary>
    /// Whether each hit, miss, load and invalidation is told in a line of the log, at the level Debug of the category <c>Larder.Calls</c>, which is let through then. Keys are shown, values
    /// never. For development: a hit costs many times more. Default false, which costs nothing. Environment: <c>CACHE_DEBUG</c>.
    /// </summary>
    public bool LogsCalls { get; set; }

    /// <summary>Defaults per namespace, by name (ordinal). Environment, in seconds: <c>{NAMESPACE}_CACHE_TTL_SECONDS</c>.</summary>
    public IDictionary<string, NamespaceOptions> Namespaces { get; } = new Dictionary<string, NamespaceOptions>(StringComparer.Ordinal);
}
