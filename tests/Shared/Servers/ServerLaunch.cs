namespace Larder.Tests.Shared;

/// <summary>What a <see cref="ServerProcess"/> runs.</summary>
/// <param name="Program">The path of a Redis or Valkey server.</param>
/// <param name="Configuration">Gives the text of the configuration file; asked again at every restart.</param>
internal sealed record ServerLaunch(string Program, Func<ServerProcess, string> Configuration)
{
    /// <summary>What follows the configuration file on the command line.</summary>
    public string? Argument { get; init; }

    /// <summary>Whether the server keeps what it learns in its configuration file, which a restart must then leave alone.</summary>
    public bool RewritesConfiguration { get; init; }
}
