using System.Globalization;
using System.Text;
using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Http;

/// <summary>
/// A random number per scope and set of tags, kept in the data cache under these very tags. Removing one of them there
/// changes the number, and with it the keys of all pages that have the tag: in one small write, on every node.
/// </summary>
internal sealed class PageGenerations(HybridCache cache)
{
    // Longer than most pages live: each expiry of a number costs its pages one miss.
    private static readonly TimeSpan Shortest = TimeSpan.FromHours(1);

    /// <summary>The number of pages with these tags. Pages without tags have one too, because clearing a whole scope drops them as well.</summary>
    public ValueTask<long> GetAsync(CacheScope scope, string[] tags, TimeSpan expiration, CancellationToken cancellationToken) =>
        cache.InScope(scope).GetOrCreateAsync(
            Key(tags),
            static _ => ValueTask.FromResult(RandomId.Next()),
            new HybridCacheEntryOptions { Expiration = expiration > Shortest ? expiration : Shortest, Flags = HybridCacheEntryFlags.None },
            tags,
            cancellationToken);

    // The length in front of each tag makes the text of two different lists differ.
    private static string Key(string[] tags)
    {
        var key = new StringBuilder("larder:pages");
        foreach (var tag in tags)
        {
            key.Append(CultureInfo.InvariantCulture, $":{tag.Length}:").Append(tag);
        }

        return KeyDigest.Shorten(key.ToString());
    }
}
