namespace Larder;

/// <summary>A factory said that it failed (<see cref="CacheEntryContext.Fail"/>) and no stale value could stand in.</summary>
/// <param name="message">The reason it gave.</param>
public sealed class CacheLoadException(string message) : Exception(message);
