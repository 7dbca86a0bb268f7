using Larder.Tags;

namespace Larder.Http;

/// <summary>What the endpoint has decided.</summary>
internal sealed class RouteResponse : ICacheRouteFeature
{
    private List<string>? _tags;
    private List<CacheIndex>? _indexes;

    public TimeSpan? Expiration { get; private set; }

    public bool IsNotStored { get; private set; }

    public void AddTag(string tag)
    {
        // Also refuses the one that stands for everything.
        TagNames.Normalize([tag]);
        (_tags ??= []).Add(tag);
    }

    public void AddIndex(CacheIndex index)
    {
        index.ThrowIfInvalid();
        (_indexes ??= []).Add(index);
    }

    public void SetExpiration(TimeSpan expiration)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(expiration, TimeSpan.Zero);
        Expiration = expiration;
    }

    public void DoNotStore() => IsNotStored = true;

    public void AddTo(CacheEntryContext entry)
    {
        foreach (var tag in _tags ?? [])
        {
            entry.Tags.Add(tag);
        }

        foreach (var index in _indexes ?? [])
        {
            entry.Indexes.Add(index);
        }
    }
}
