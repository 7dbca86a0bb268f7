using System.Text;

namespace Larder.Docs.Tests;

internal static class RepositoryExtensions
{
    public static string Read(this IRepository repository, string path) => Encoding.UTF8.GetString(repository.ReadBytes(path));

    public static bool HasFolder(this IRepository repository, string path) =>
        path.Length == 0 || repository.Files.Any(file => file.StartsWith(path + "/", StringComparison.Ordinal));

    public static bool Has(this IRepository repository, string path) => repository.Files.Contains(path) || repository.HasFolder(path);

    /// <summary>The path that a link in a file's folder leads to; <c>null</c> if it leads out of the repository.</summary>
    public static string? Resolve(string folder, string link)
    {
        var parts = new List<string>(link.StartsWith('/') ? [] : folder.Split('/', StringSplitOptions.RemoveEmptyEntries));
        foreach (var part in link.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            switch (part)
            {
                case ".":
                    break;
                case ".." when parts.Count == 0:
                    return null;
                case "..":
                    parts.RemoveAt(parts.Count - 1);
                    break;
                default:
                    parts.Add(part);
                    break;
            }
        }

        return string.Join('/', parts);
    }
}
