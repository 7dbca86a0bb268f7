using System.Globalization;

namespace Larder.Consistency.Commands;

/// <summary>Options given as <c>--name value</c> or <c>--name</c>.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _values = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _asked = new(StringComparer.OrdinalIgnoreCase);

    public Arguments(string[] arguments)
    {
        for (var i = 0; i < arguments.Length; i++)
        {
            if (!arguments[i].StartsWith("--", StringComparison.Ordinal))
            {
                throw new FormatException($"'{arguments[i]}' is not an option. Options begin with --; see --help.");
            }

            var name = arguments[i][2..];
            _values[name] = i + 1 < arguments.Length && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal) ? arguments[++i] : "true";
        }
    }

    public string Text(string name, string otherwise) => Find(name) ?? otherwise;

    public bool Flag(string name) => Find(name) is { } text && bool.Parse(text);

    public int Number(string name, int otherwise) => Find(name) is { } text ? int.Parse(text, NumberStyles.AllowThousands, CultureInfo.InvariantCulture) : otherwise;

    public TimeSpan Milliseconds(string name, TimeSpan otherwise) =>
        Find(name) is { } text ? TimeSpan.FromMilliseconds(double.Parse(text, CultureInfo.InvariantCulture)) : otherwise;

    /// <param name="name">The option.</param>
    /// <param name="otherwise">The choice when it is not given, or given as <paramref name="except"/>.</param>
    /// <param name="except">A word that is no choice and means something to the caller.</param>
    public T Choice<T>(string name, T otherwise, string? except = null)
        where T : struct, Enum =>
        Find(name) is { } text && text != except ? Enum.Parse<T>(text.Replace("-", "", StringComparison.Ordinal), ignoreCase: true) : otherwise;

    /// <summary>Nobody is to believe that a misspelt option was heeded.</summary>
    public void End()
    {
        if (_values.Keys.Except(_asked, StringComparer.OrdinalIgnoreCase).FirstOrDefault() is { } unknown)
        {
            throw new FormatException($"There is no option --{unknown} here; see --help.");
        }
    }

    private string? Find(string name)
    {
        _asked.Add(name);
        return _values.GetValueOrDefault(name);
    }
}
