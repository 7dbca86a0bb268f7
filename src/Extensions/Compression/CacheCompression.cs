namespace Larder;

/// <summary>How values are compressed before they go to the second level. What is stored says how, so readers need no setting.</summary>
public enum CacheCompression
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Brotli (RFC 7932) at quality 1. Text becomes a good deal smaller than with <see cref="Deflate"/>.</summary>
    Brotli,

    /// <summary>Deflate (RFC 1951) at its fastest level. Takes about half the time of <see cref="Brotli"/> to read.</summary>
    Deflate,
}
