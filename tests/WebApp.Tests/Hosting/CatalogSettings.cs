namespace Larder.Tests;

/// <summary>What the sample is told when it runs in a test.</summary>
internal static class CatalogSettings
{
    /// <param name="folder">Holds the database, and gives the keys their prefix.</param>
    /// <param name="settings">What the environment would say: <c>REDIS_URL</c> and the like.</param>
    public static Dictionary<string, string> Of(string folder, IReadOnlyDictionary<string, string> settings)
    {
        // Whatever the machine's own environment names must not leak into the test.
        var all = ((string[])["CACHE_BACKEND", "REDIS_URL", "VALKEY_URL", "VALKEY_HOST", "REDIS_HOST"]).ToDictionary(name => name, _ => "");
        all["Catalog:Database"] = Path.Combine(folder, "catalog.db");
        all["Larder:Prefix"] = Path.GetFileName(folder);
        foreach (var (name, value) in settings)
        {
            all[name] = value;
        }

        return all;
    }
}
