namespace Larder.Resilience.Figures;

/// <summary>The parts of a run.</summary>
internal enum Phase
{
    /// <summary>Code is compiled, connections are made. Failures count, times do not.</summary>
    Warming,
    Before,
    During,

    /// <summary>From the moment the server is whole again.</summary>
    After,
}

/// <summary>Which part of the run it is.</summary>
internal sealed class PhaseClock
{
    private volatile Phase _now;

    public Phase Now
    {
        get => _now;
        set => _now = value;
    }

    /// <summary>A call that saw anything of the fault belongs to it.</summary>
    public static Phase Of(Phase began, Phase ended) => began == ended || began == Phase.Warming ? ended : Phase.During;
}
