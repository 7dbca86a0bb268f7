namespace Larder.Tests.Shared;

/// <summary>A server answered with an error.</summary>
public sealed class RespException(string message) : Exception(message)
{
    /// <summary>The error's first word: <c>READONLY</c>, <c>OOM</c>, <c>NOAUTH</c>, <c>MOVED</c> …</summary>
    public string Code => Message.Split(' ', 2)[0];
}
