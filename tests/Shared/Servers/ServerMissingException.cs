namespace Larder.Tests.Shared;

/// <summary>A test needs a server program that this machine does not have. The message says what to install.</summary>
public sealed class ServerMissingException(string message) : Exception(message);
