using System.Text;
using System.Text.RegularExpressions;

namespace Larder.Docs.Tests;

/// <summary>Finds what is true on the machine of one author only: absolute paths, and paths out of the repository.</summary>
internal static class MachinePaths
{
    // Written in parts: this file is checked too.
    private static readonly Regex s_pattern = new(
        @"(?<![\w.\-~)}])/(?:work|farm|root)/" + "|/tmp/" + "bash" + "_jobs|" + @"\.\./" + "shared", RegexOptions.CultureInvariant);

    public static IEnumerable<string> Check(IRepository repository, string file)
    {
        var bytes = repository.ReadBytes(file);
        return bytes.AsSpan(0, Math.Min(bytes.Length, 8000)).Contains((byte)0)
            ? []
            : from line in Encoding.UTF8.GetString(bytes).Split('\n').Index()
              from match in s_pattern.Matches(line.Item)
              select $"{file}({line.Index + 1}): {match.Value}";
    }
}
