namespace Larder.Tests.Shared;

/// <summary>What a <see cref="ChaosProxy"/> does with connections.</summary>
public enum ChaosMode
{
    /// <summary>Passes everything on.</summary>
    Forward,

    /// <summary>Refuses new connections; those that are open go on.</summary>
    Refuse,

    /// <summary>Accepts connections and swallows what comes, from both sides: nobody gets an answer, nobody gets an error.</summary>
    BlackHole,
}
