namespace Larder;

/// <summary>What is known of an entry besides its value.</summary>
/// <param name="Created">When it was stored, by the clock of the node that did. A change of its value or of its end keeps it.</param>
/// <param name="Expires">When it expires; <see cref="DateTimeOffset.MaxValue"/> for never. With a sliding expiration it may end sooner, when it is not read.</param>
/// <param name="Tags">Its tags.</param>
/// <param name="Indexes">The sets it belongs to.</param>
/// <param name="Size">Bytes of its value at the second level; in memory alone what the entry is counted at, which is more.</param>
/// <param name="IsNotFound">It holds no value but the knowledge that there is none.</param>
public sealed record CacheEntryInfo(
    DateTimeOffset Created, DateTimeOffset Expires, IReadOnlyList<string> Tags, IReadOnlyList<CacheIndex> Indexes, long Size, bool IsNotFound);
