namespace Larder.Dashboard;

/// <summary>The latest invalidations, <see cref="Capacity"/> of them.</summary>
internal sealed class RecentInvalidations
{
    public const int Capacity = 100;

    private readonly Lock _lock = new();
    private readonly Queue<InvalidationDocument> _latest = new();
    private long _count;
    private bool _isDoubt;

    public void Add(CacheInvalidation invalidation)
    {
        lock (_lock)
        {
            // A doubt after a doubt says nothing new, and a connection that comes back raises many.
            if (invalidation is { Kind: CacheInvalidationKind.Unknown, Missed: 0 } && _isDoubt)
            {
                return;
            }

            _isDoubt = invalidation.Kind == CacheInvalidationKind.Unknown;
            _count += invalidation.Missed + 1;
            if (_latest.Count == Capacity)
            {
                _latest.Dequeue();
            }

            _latest.Enqueue(InvalidationDocument.Of(invalidation, _count));
        }
    }

    /// <summary>What came up to a number, oldest first.</summary>
    public IReadOnlyList<InvalidationDocument> UpTo(long number) => Select(each => each.Number <= number);

    /// <summary>What came after a number, oldest first.</summary>
    public IReadOnlyList<InvalidationDocument> After(long number) => Select(each => each.Number > number);

    private IReadOnlyList<InvalidationDocument> Select(Func<InvalidationDocument, bool> fits)
    {
        lock (_lock)
        {
            return [.. _latest.Where(fits)];
        }
    }
}

/// <summary><see cref="CacheInvalidation"/> as it is written, with the number it has among all.</summary>
internal sealed record InvalidationDocument(long Number, DateTimeOffset At, string Kind, bool HasScope, string? Tenant, string? Project, string? Namespace, string? Name, bool IsLocal)
{
    public static InvalidationDocument Of(CacheInvalidation invalidation, long number) => new(
        number,
        invalidation.At,
        invalidation.Kind.ToString(),
        invalidation.Scope is not null,
        invalidation.Scope?.Tenant,
        invalidation.Scope?.Project,
        invalidation.Scope?.Namespace,
        invalidation.Name,
        invalidation.IsLocal);
}
