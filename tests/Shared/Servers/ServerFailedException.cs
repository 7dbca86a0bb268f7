namespace Larder.Tests.Shared;

/// <summary>A server did not start, or did not reach a state in time. The message ends with its log.</summary>
public sealed class ServerFailedException(string message) : Exception(message);
