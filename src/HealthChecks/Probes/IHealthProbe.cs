namespace Larder.Health;

/// <summary>One question of a health check.</summary>
internal interface IHealthProbe
{
    /// <summary>Under which name it stands in the report's data.</summary>
    string Name { get; }

    /// <summary>Finds out; null where the question does not apply. What it throws goes to <see cref="OnFailure"/>.</summary>
    /// <param name="run">What the probes of one run share.</param>
    /// <param name="cancellationToken">Ends with the run. That the answer is no longer awaited does not depend on it.</param>
    Task<Finding?> ProbeAsync(ProbeRun run, CancellationToken cancellationToken);

    /// <summary>What it means that no answer came. Unknown, where another probe tells of the cause.</summary>
    Finding? OnFailure(Exception exception, TimeSpan timeout) => Finding.Unknown();
}
