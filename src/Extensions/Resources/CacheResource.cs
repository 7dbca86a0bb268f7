using System.Diagnostics.CodeAnalysis;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Resources;

namespace Larder;

/// <summary>
/// A kind of thing that has an id: its cached reads, and the writes that invalidate them. A read stands under <c>{name}:{read}:{id}</c> and carries the tag <c>{name}:{id}</c>.
/// Made by <see cref="HybridCacheResourceExtensions.Resource{TId}"/>; see <c>docs/resources.md</c>.
/// </summary>
/// <typeparam name="TId">
/// The type of the id: a simple value, an enum, a tuple, or a record or plain object of such. Two ids that differ never share a key or tag, whatever they contain; those of
/// more than 256 characters as SHA-256.
/// </typeparam>
public sealed class CacheResource<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicFields)] TId>
{
    private static readonly ResourceReadOptions NoReadOptions = new();
    private static readonly ResourceWriteOptions NoWriteOptions = new();

    private readonly ScopedHybridCache _cache;
    private readonly CacheEntryPolicy? _policy;

    internal CacheResource(ScopedHybridCache cache, string name, CacheEntryPolicy? policy)
    {
        _cache = cache;
        _policy = policy;
        Name = ResourceNames.Check(name, nameof(name));
    }

    /// <summary>The resource's name.</summary>
    public string Name { get; }

    /// <summary>The tag of all reads of an id: to put on entries that show it, or to remove by hand.</summary>
    /// <param name="id">The id. Not null.</param>
    /// <exception cref="ArgumentException">The id cannot be made into text; see <see cref="CacheKey.From"/>.</exception>
    public string TagOf(TId id) => $"{Name}:{Text(id)}";

    /// <summary>The key of a read.</summary>
    /// <param name="id">The id. Not null.</param>
    /// <param name="read">The read's name: letters, digits, '.', '_' and '-', 64 characters at most.</param>
    /// <param name="parameters">As <see cref="ResourceReadOptions.Parameters"/>.</param>
    /// <exception cref="ArgumentException">The name is no name, or something cannot be made into text.</exception>
    public string KeyOf(TId id, string read, params IReadOnlyList<object?> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        var key = $"{Name}:{ResourceNames.Check(read, nameof(read))}:{Text(id)}";
        return parameters.Count == 0 ? key : $"{key}:{CacheKey.FromParts([.. parameters])}";
    }

    /// <summary>Gets what is cached, or loads it.</summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <param name="id">The id. Not null.</param>
    /// <param name="read">The read's name: letters, digits, '.', '_' and '-', 64 characters at most.</param>
    /// <param name="load">Loads the result of this id. Null says that there is nothing, which is remembered for a short time (<see cref="LarderOptions.NotFoundExpiration"/>).</param>
    /// <param name="options">What this read wants.</param>
    /// <param name="cancellationToken">Ends the caller's wait; the load's token is cancelled when all who wait have left.</param>
    /// <exception cref="ArgumentException">The name is no name, a tag looks like a template or is not valid, or something cannot be made into text.</exception>
    public ValueTask<T> ReadAsync<T>(TId id, string read, Func<TId, CancellationToken, ValueTask<T>> load, ResourceReadOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(load);
        return ReadAsync(id, read, (id, load), static (s, _, token) => s.load(s.id, token), options ?? NoReadOptions, cancellationToken);
    }

    /// <summary>The same with a load that decides about its entry: how long it lives, tags that only the result shows, "not found".</summary>
    /// <inheritdoc cref="ReadAsync{T}(TId, string, Func{TId, CancellationToken, ValueTask{T}}, ResourceReadOptions?, CancellationToken)"/>
    public ValueTask<T> ReadAsync<T>(
        TId id, string read, Func<TId, CacheEntryContext, CancellationToken, ValueTask<T>> load, ResourceReadOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(load);
        return ReadAsync(id, read, (id, load), static (s, entry, token) => s.load(s.id, entry, token), options ?? NoReadOptions, cancellationToken);
    }

    /// <summary>Looks without loading: a result, the knowledge that there is none, or nothing.</summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <param name="id">The id. Not null.</param>
    /// <param name="read">The read's name.</param>
    /// <param name="parameters">As <see cref="ResourceReadOptions.Parameters"/>.</param>
    /// <param name="cancellationToken">Ends the caller's wait.</param>
    public ValueTask<CacheResult<T>> TryReadAsync<T>(TId id, string read, IReadOnlyList<object?>? parameters = null, CancellationToken cancellationToken = default) =>
        _cache.Engine.TryGetAsync<T>(_cache.State, KeyOf(id, read, parameters ?? []), cancellationToken);

    /// <summary>Runs a write, and then invalidates all that is cached of the id, on all nodes.</summary>
    /// <remarks>
    /// A load that reads between the moment in which the write takes effect and the invalidation carries the stamp of before, so what it stores does not count: to invalidate once, after
    /// the write, is enough. Until then readers get what they got before.
    /// </remarks>
    /// <typeparam name="T">The type of the write's result.</typeparam>
    /// <param name="id">The id. Not null.</param>
    /// <param name="save">Writes to the source.</param>
    /// <param name="options">What follows the write.</param>
    /// <param name="cancellationToken">Handed to <paramref name="save"/> and to <see cref="ResourceWriteOptions.Recache"/>. The invalidation is never left out because of it.</param>
    /// <exception cref="SecondLevelException">The write has succeeded; the invalidation could not be told, and <see cref="LarderOptions.OnInvalidationFailure"/> asks for an exception.</exception>
    public ValueTask<T> WriteAsync<T>(TId id, Func<CancellationToken, ValueTask<T>> save, ResourceWriteOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(save);
        options ??= NoWriteOptions;
        string[] tags = [TagOf(id), .. options.Tags];
        foreach (var tag in tags)
        {
            ResourceNames.CheckTag(tag);
            Larder.Tags.TagNames.Check(tag);
        }

        cancellationToken.ThrowIfCancellationRequested();

        // One scope for all steps, whatever the ambient one is when the first has ended.
        return WriteAsync(_cache.State, tags, save, options, cancellationToken);
    }

    /// <summary>The same for a write without a result.</summary>
    /// <inheritdoc cref="WriteAsync{T}(TId, Func{CancellationToken, ValueTask{T}}, ResourceWriteOptions?, CancellationToken)"/>
    public async ValueTask WriteAsync(TId id, Func<CancellationToken, ValueTask> save, ResourceWriteOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(save);
        await WriteAsync(
            id,
            async token =>
            {
                await save(token).ConfigureAwait(false);
                return true;
            },
            options,
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Invalidates all that is cached of an id, on all nodes, for writes that others have made.</summary>
    /// <param name="id">The id. Not null.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    public ValueTask InvalidateAsync(TId id, CancellationToken cancellationToken = default) => _cache.Engine.RemoveByTagAsync(_cache.State, TagOf(id), cancellationToken);

    private ValueTask<T> ReadAsync<TState, T>(
        TId id, string read, TState state, Func<TState, CacheEntryContext, CancellationToken, ValueTask<T>> load, ResourceReadOptions options, CancellationToken cancellationToken)
    {
        foreach (var tag in options.Tags)
        {
            ResourceNames.CheckTag(tag);
        }

        var key = KeyOf(id, read, options.Parameters);
        string[] tags = [TagOf(id), .. options.Tags];
        return _cache.Engine.GetOrCreateAsync(_cache.State, key, state, load, options.Policy ?? _policy, tags, cancellationToken);
    }

    private async ValueTask<T> WriteAsync<T>(ScopeState scope, string[] tags, Func<CancellationToken, ValueTask<T>> save, ResourceWriteOptions options, CancellationToken cancellationToken)
    {
        T result;
        try
        {
            result = await save(cancellationToken).ConfigureAwait(false);
        }
        catch when (options.InvalidatesAfterFailure)
        {
            try
            {
                await InvalidateAsync(scope, tags).ConfigureAwait(false);
            }
            catch (SecondLevelException)
            {
                // It is kept and will be told. The caller must learn why the write failed, not this.
            }

            throw;
        }

        await InvalidateAsync(scope, tags).ConfigureAwait(false);
        if (options.Recache is { } recache && !cancellationToken.IsCancellationRequested)
        {
            try
            {
                await recache(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // The write stands, and the next read loads for itself.
                scope.Engine.LogRecacheFailed(exception, Name);
            }
        }

        return result;
    }

    // All of them, whatever becomes of one; and without the caller's token, because the write has been made.
    private static async ValueTask InvalidateAsync(ScopeState scope, string[] tags)
    {
        SecondLevelException? failure = null;
        foreach (var tag in tags)
        {
            try
            {
                await scope.Engine.RemoveByTagAsync(scope, tag, CancellationToken.None).ConfigureAwait(false);
            }
            catch (SecondLevelException exception)
            {
                failure = exception;
            }
        }

        if (failure is not null)
        {
            throw failure;
        }
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "The members of TId are kept by its annotation.")]
    private static string Text(TId id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return CacheKey.From(id);
    }
}
