using System.Globalization;

namespace Larder.Samples.WebApp.Catalog;

/// <summary>Tags of cached data and of cached pages: the same, so that one removal drops both.</summary>
internal static class CatalogTags
{
    /// <summary>On everything that shows more than one product.</summary>
    public const string Catalog = "catalog";

    /// <summary>The tag of a product's page; the cache fills in the route value.</summary>
    public const string ProductTemplate = "product:{id}";

    public static string Product(long id) => string.Create(CultureInfo.InvariantCulture, $"product:{id}");
}
