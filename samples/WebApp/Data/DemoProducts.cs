using System.Globalization;
using Larder.Samples.WebApp.Catalog;

namespace Larder.Samples.WebApp.Data;

/// <summary>Products of a tenant, the same on every machine: made from their numbers, not drawn.</summary>
internal static class DemoProducts
{
    public const int PerTenant = 2_500;

    private static readonly string[] Materials = ["Oak", "Steel", "Linen", "Glass", "Walnut", "Copper", "Wool", "Marble", "Cork", "Bamboo"];
    private static readonly string[] Things = ["Chair", "Lamp", "Table", "Shelf", "Bowl", "Clock", "Stool", "Mirror", "Vase", "Bench", "Rug"];
    private static readonly string[] Categories = ["Furniture", "Lighting", "Furniture", "Storage", "Kitchen", "Decoration", "Furniture", "Decoration", "Decoration", "Furniture", "Textiles"];

    /// <summary>All products of one tenant, with names that say whose they are.</summary>
    public static IEnumerable<Product> Of(string tenant, int tenantNumber)
    {
        for (var id = 1; id <= PerTenant; id++)
        {
            // Multipliers that share no factor with what they are reduced by: every value occurs, in no visible order.
            var thing = (id * 7 + tenantNumber) % Things.Length;
            var material = Materials[(id * 3 + tenantNumber) % Materials.Length];
            yield return new Product(
                id,
                string.Create(CultureInfo.InvariantCulture, $"{tenant[..3].ToUpperInvariant()}-{id:00000}"),
                string.Create(CultureInfo.InvariantCulture, $"{char.ToUpperInvariant(tenant[0])}{tenant[1..]} {material} {Things[thing]} {id}"),
                Categories[thing],
                499 + (id * 7_919L + tenantNumber * 104_729L) % 95_000,
                (id * 31L + tenantNumber) % 250,
                1);
        }
    }
}
