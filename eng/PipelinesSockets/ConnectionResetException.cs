namespace Pipelines.Sockets.Unofficial;

/// <summary>The peer or the network ended the connection. Its type decides how StackExchange.Redis reports a failed flush.</summary>
public class ConnectionResetException : IOException
{
    public ConnectionResetException()
        : this("The connection was reset.")
    {
    }

    public ConnectionResetException(string message)
        : base(message)
    {
    }

    public ConnectionResetException(string message, Exception? inner)
        : base(message, inner)
    {
    }
}
