using System.Reflection;

namespace Larder.Resilience.Nodes;

/// <summary>What all nodes of a run have in common.</summary>
internal sealed record NodeSettings
{
    /// <summary>Settings of <see cref="LarderOptions"/> by name, as a configuration file would give them.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    public Sabotage Sabotage { get; init; }

    /// <summary>Reads <c>Name=Value;Name=Value</c>.</summary>
    /// <exception cref="FormatException">There is no such option: nobody is to believe that it was heeded.</exception>
    public static IReadOnlyDictionary<string, string> ParseOptions(string text)
    {
        var options = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var part in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var pair = part.Split('=', 2);
            if (pair.Length != 2 || typeof(LarderOptions).GetProperty(pair[0].Split(':')[0], BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase) is null)
            {
                throw new FormatException($"'{part}' is not Name=Value with the name of a LarderOptions property.");
            }

            options[pair[0]] = pair[1];
        }

        return options;
    }
}

/// <summary>Ways to break a node on purpose, so that it can be seen that the matrix finds out.</summary>
internal enum Sabotage
{
    Nothing,

    /// <summary>Writes and removals that the server did not take throw: calls fail.</summary>
    Throws,

    /// <summary>One call in some hundreds goes to a neighbouring key: values are wrong.</summary>
    MixesUp,

    /// <summary>Nothing is kept in memory: without a server each call loads.</summary>
    ForgetsAll,
}
