using Larder.Engine;

namespace Larder.Http;

/// <summary>A request under one of the framework's own policies, of which the store is told nothing but a key.</summary>
internal sealed class PlainRun(Moment began)
{
    private static readonly AsyncLocal<PlainRun?> Running = new();

    private int _isUsed;

    public static PlainRun? Current
    {
        get => Running.Value;
        set => Running.Value = value;
    }

    /// <summary>When the request began; more is noted of it where the look-up misses.</summary>
    public Moment Began { get; set; } = began;

    /// <summary>When the response of the request began to be computed. Told once: what the endpoint leaves running behind it stores things of its own.</summary>
    public static Moment? Use() => Running.Value is { } run && Interlocked.Exchange(ref run._isUsed, 1) == 0 ? run.Began : null;
}
