namespace Pipelines.Sockets.Unofficial;

/// <summary>No option is used by StackExchange.Redis; the type is part of a signature.</summary>
public enum SocketConnectionOptions
{
    None = 0,
}
