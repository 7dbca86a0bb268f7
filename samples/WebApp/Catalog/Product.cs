using System.ComponentModel;

namespace Larder.Samples.WebApp.Catalog;

/// <summary>A product of one tenant. Immutable, so the cache may hand the same instance to every reader.</summary>
/// <param name="Id">Number within its tenant: every tenant has a product 1.</param>
/// <param name="Sku">Article number, unique within its tenant.</param>
/// <param name="Name">Name.</param>
/// <param name="Category">Category.</param>
/// <param name="PriceCents">Price in hundredths of the tenant's currency.</param>
/// <param name="Stock">Pieces in stock.</param>
/// <param name="Version">Counts the product's changes; it is the product's ETag.</param>
[ImmutableObject(true)]
public sealed record Product(long Id, string Sku, string Name, string Category, long PriceCents, long Stock, long Version);
