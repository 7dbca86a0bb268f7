namespace Larder.Http;

/// <summary>How a response is to be stored.</summary>
/// <param name="Expiration">How long it is fresh.</param>
/// <param name="StaleWhileRevalidate">How long it may be served beyond that while one request computes it anew; null for the general setting.</param>
/// <param name="StaleIfError">How long it may stand in for one that fails; null for the general setting.</param>
internal sealed record PageTerms(TimeSpan Expiration, TimeSpan? StaleWhileRevalidate = null, TimeSpan? StaleIfError = null);
