namespace Larder.Samples.WebApp.Data;

/// <summary>The tenants of the demonstration. A real application would ask its directory of tenants.</summary>
internal static class Tenants
{
    public static readonly string[] All = ["acme", "globex", "initech", "umbrella"];

    public static bool Exists(string tenant) => Array.IndexOf(All, tenant) >= 0;
}
