namespace Larder.Samples.WebApp.Catalog;

/// <summary>Another product of the tenant has the article number.</summary>
public sealed class SkuTakenException(string sku) : Exception($"The article number '{sku}' belongs to another product.");
