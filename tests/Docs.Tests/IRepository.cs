namespace Larder.Docs.Tests;

/// <summary>Files by their path from the root, with forward slashes.</summary>
internal interface IRepository
{
    /// <summary>What a clone has.</summary>
    IReadOnlyCollection<string> Tracked { get; }

    /// <summary>What a clone has, and what may be committed next.</summary>
    IReadOnlySet<string> Files { get; }

    byte[] ReadBytes(string path);

    bool IsExecutable(string path);
}
