using System.Security.Cryptography;
using System.Text;

namespace Larder.Dashboard;

/// <summary>A file of the page.</summary>
internal sealed record Asset(string ContentType, byte[] Content, string ETag);

/// <summary>The files of the page, which are resources of this assembly. The version in their addresses is that of all of them, because scripts name each other.</summary>
internal static class DashboardAssets
{
    private const string Folder = "Larder.Dashboard.Assets.";

    private static readonly Dictionary<string, byte[]> Contents = typeof(DashboardAssets).Assembly.GetManifestResourceNames()
        .Where(static name => name.StartsWith(Folder, StringComparison.Ordinal))
        .ToDictionary(static name => name[Folder.Length..], Read, StringComparer.Ordinal);

    public static string Version { get; } = Hash([.. Contents.OrderBy(static file => file.Key, StringComparer.Ordinal).SelectMany(static file => file.Value)]);

    public static Asset Page { get; } = Make("text/html; charset=utf-8", Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(Contents["index.html"]).Replace("{version}", Version, StringComparison.Ordinal)));

    private static Dictionary<string, Asset> Files { get; } = Contents.Where(static file => file.Key != "index.html")
        .ToDictionary(static file => file.Key, static file => Make(file.Key.EndsWith(".css", StringComparison.Ordinal) ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8", file.Value), StringComparer.Ordinal);

    public static Asset? Find(string? name) => name is null ? null : Files.GetValueOrDefault(name);

    private static Asset Make(string contentType, byte[] content) => new(contentType, content, $"\"{Hash(content)}\"");

    private static string Hash(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 8));

    private static byte[] Read(string name)
    {
        using var stream = typeof(DashboardAssets).Assembly.GetManifestResourceStream(name)!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }
}
