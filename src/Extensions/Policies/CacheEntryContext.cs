using System.Diagnostics.CodeAnalysis;
using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder;

/// <summary>
/// What a factory may decide about the entry it loads. It is given to the factory and of use only while the factory runs.
/// </summary>
/// <remarks>
/// Member names follow the context that Microsoft's <c>HybridCache</c> is to get. What the factory sets wins over the call, its
/// namespace and the global options.
/// </remarks>
public sealed class CacheEntryContext
{
    /// <summary>The longest <see cref="ETag"/>, in characters.</summary>
    private const int MaximumETagLength = 1_024;

    private readonly IServiceScopeFactory? _scopes;
    private readonly MemoryEntry? _stale;
    private AsyncServiceScope? _services;
    private List<string>? _tags;
    private List<CacheIndex>? _indexes;
    private string? _etag;

    internal CacheEntryContext(string key, CacheScope scope, IServiceScopeFactory? scopes, MemoryEntry? stale, bool isBackground)
    {
        Key = key;
        Scope = scope;
        IsBackground = isBackground;
        _scopes = scopes;
        _stale = stale;
    }

    /// <summary>The key being loaded, as the caller gave it.</summary>
    public string Key { get; }

    /// <summary>The scope the entry belongs to.</summary>
    public CacheScope Scope { get; }

    /// <summary>
    /// Whether nobody waits for this load: it replaces a value that is still served. Its ambient scope and <c>Activity</c> are those of the call
    /// that started it, whose request may be over.
    /// </summary>
    public bool IsBackground { get; }

    /// <summary>
    /// Services of a scope that is made for this load when first asked for and disposed of when the factory ends. A load that may outlive
    /// its caller (in the background, or after a timeout) takes what it needs from here, not from the caller's request.
    /// </summary>
    /// <exception cref="InvalidOperationException">The cache was made without a service container.</exception>
    public IServiceProvider Services =>
        (_services ??= _scopes?.CreateAsyncScope() ?? throw new InvalidOperationException("This cache was made without a service container, so there are no services to give.")).ServiceProvider;

    /// <summary>How long the entry lives; <see langword="null"/> for what the call says. Zero or less: it is not stored.</summary>
    public TimeSpan? Expiration { get; set; }

    /// <summary>How long this node keeps its own copy; <see langword="null"/> for what the call says.</summary>
    public TimeSpan? LocalCacheExpiration { get; set; }

    /// <summary>Where the entry is stored; <see langword="null"/> for what the call says. Only the flags that disable writes count here.</summary>
    public HybridCacheEntryFlags? Flags { get; set; }

    /// <summary>See <see cref="LarderOptions.StaleWhileRevalidate"/>; <see langword="null"/> for what the call says.</summary>
    public TimeSpan? StaleWhileRevalidate { get; set; }

    /// <summary>See <see cref="LarderOptions.StaleIfError"/>; <see langword="null"/> for what the call says.</summary>
    public TimeSpan? StaleIfError { get; set; }

    /// <summary>
    /// What the source calls this version of the value. It is stored with the entry, and the next load finds it in <see cref="StaleETag"/>. Any
    /// text of up to 1,024 characters; empty is the same as <see langword="null"/>.
    /// </summary>
    /// <exception cref="ArgumentException">It is longer.</exception>
    public string? ETag
    {
        get => _etag;
        set => _etag = value?.Length > MaximumETagLength
            ? throw new ArgumentException($"The ETag '{value.AsSpan(0, 32)}…' has {value.Length} characters; it may have {MaximumETagLength}.", nameof(value))
            : string.IsNullOrEmpty(value) ? null : value;
    }

    /// <summary>The <see cref="ETag"/> of the value that this load replaces, if it is still there.</summary>
    public string? StaleETag => _stale?.Terms?.Stored.ETag;

    /// <summary>Tags to give the entry besides those of the call. Add what the value shows to be right.</summary>
    public ICollection<string> Tags => _tags ??= [];

    /// <summary>
    /// Sets the value belongs to, to be found and removed by (see <see cref="HybridCacheIndexExtensions"/>). What was not found belongs to none.
    /// </summary>
    public ICollection<CacheIndex> Indexes => _indexes ??= [];

    internal CacheIndex[]? AddedIndexes => CacheIndex.Normalize(_indexes);

    internal IReadOnlyList<string>? AddedTags => _tags is { Count: > 0 } ? _tags : null;

    internal bool IsNotFound { get; private set; }

    internal TimeSpan? NotFoundExpiration { get; private set; }

    internal bool IsNotStored { get; private set; }

    internal bool IsNotModified { get; private set; }

    internal string? Failure { get; private set; }

    /// <summary>
    /// The value that this load replaces, if it is still there. It has expired or was invalidated: ask the source whether it is still
    /// right, and say <see cref="NotModified"/> if so. It is there as long as <see cref="LarderOptions.StaleIfError"/> or
    /// <see cref="LarderOptions.StaleWhileRevalidate"/> keeps it; not when its key was removed.
    /// </summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="value">The value, or default.</param>
    public bool TryGetStale<T>([MaybeNullWhen(false)] out T value)
    {
        switch (_stale)
        {
            case ValueEntry<T> shared:
                value = shared.Value;
                return true;
            case SerializedEntry<T> serialized:
                try
                {
                    value = serialized.Read();
                    return true;
                }
                catch (Exception)
                {
                    // What cannot be read is not there; the load makes a new one.
                    break;
                }
        }

        value = default;
        return false;
    }

    /// <summary>
    /// There is nothing under this key. That is remembered for a short time of its own, so that asking again does not load
    /// again. What the factory returns is given to the caller.
    /// </summary>
    /// <param name="expiration">How long it is remembered; <see langword="null"/> for what the call, its namespace or the global options say. Positive.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiration"/> is zero or negative.</exception>
    public void NotFound(TimeSpan? expiration = null)
    {
        if (expiration <= TimeSpan.Zero)
        {
            throw new ArgumentOutOfRangeException(nameof(expiration), expiration, "What was not found must be remembered for longer than zero. Call DoNotStore() to remember nothing.");
        }

        IsNotFound = true;
        NotFoundExpiration = expiration;
    }

    /// <summary>The value is for its callers only and is stored nowhere.</summary>
    public void DoNotStore() => IsNotStored = true;

    /// <summary>
    /// The value of <see cref="TryGetStale"/> is still right. It is stored anew, with its tags and its ETag unless others are given, and what
    /// the factory returns is not looked at.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is no such value.</exception>
    public void NotModified() =>
        IsNotModified = _stale is not null ? true : throw new InvalidOperationException("There is no stale value that could be not modified. Call TryGetStale first, and load the value if it gives none.");

    /// <summary>
    /// The load has failed. What the factory returns is not looked at: a stale value stands in if it may (see <see cref="LarderOptions.StaleIfError"/>),
    /// otherwise the callers get a <see cref="CacheLoadException"/>.
    /// </summary>
    /// <param name="reason">Why; it becomes the exception's message.</param>
    public void Fail(string reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        Failure = reason;
    }

    internal MemoryEntry? Stale => _stale;

    internal ValueTask EndAsync() => _services?.DisposeAsync() ?? default;
}
