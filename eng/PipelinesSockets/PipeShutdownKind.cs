namespace Pipelines.Sockets.Unofficial;

/// <summary>Why a connection stopped; the first reason recorded is the one kept.</summary>
public enum PipeShutdownKind
{
    None = 0,
    PipeDisposed = 1,

    // StackExchange.Redis compares against this value.
    ReadEndOfStream = 100,
    ReadFailed = 101,
    InputCompleted = 102,

    WriteFailed = 200,
    OutputCompleted = 201,

    // 400 to 499 belong to the protocol above; only these may be set from outside.
    ProtocolExitClient = 400,
    ProtocolExitServer = 401,
}
