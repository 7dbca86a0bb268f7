using System.Globalization;

namespace Larder.Http;

/// <summary>The times of a page in whole seconds.</summary>
/// <param name="age">Since it was stored.</param>
/// <param name="left">Until it is stale, the rest of a second counted as one; negative for a stale page.</param>
internal sealed class PageTimes(long age, long left)
{
    public long Age { get; } = age;

    public long Left { get; } = left;

    public string AgeText { get; } = age.ToString(CultureInfo.InvariantCulture);

    /// <summary>As <c>Cache-Status</c> says it.</summary>
    public string Status { get; } = string.Create(CultureInfo.InvariantCulture, $"{CacheStatus.CacheName}; hit; ttl={left}");
}
