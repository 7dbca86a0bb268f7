namespace Larder.Http;

/// <summary>What of a pipeline matters to the cache.</summary>
[Flags]
internal enum PipelineStep
{
    None = 0,
    Routing = 1,
    Authentication = 2,
    Authorization = 4,
    Scope = 8,
    Cache = 16,
    Endpoint = 32,
}
