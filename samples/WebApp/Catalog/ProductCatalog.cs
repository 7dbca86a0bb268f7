using System.Globalization;
using Larder.Samples.WebApp.Hosting;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Samples.WebApp.Catalog;

/// <summary>
/// The products of the tenant whose request is running. Reads come from Microsoft's <see cref="HybridCache"/>, which Larder keeps
/// apart for each tenant: keys and tags need not mention it.
/// </summary>
public sealed class ProductCatalog(ProductStore store, HybridCache cache, DataCacheLog log)
{
    private static readonly HybridCacheEntryOptions ForSearches = new() { Expiration = TimeSpan.FromMinutes(1) };

    /// <summary>A product, or null; that there is none is remembered too.</summary>
    public async Task<Product?> FindAsync(string tenant, long id, CancellationToken cancellationToken)
    {
        var loaded = false;
        var product = await cache.GetOrCreateAsync(
            string.Create(CultureInfo.InvariantCulture, $"product:{id}"),
            async token =>
            {
                loaded = true;
                return await store.FindAsync(tenant, id, token);
            },
            tags: [CatalogTags.Product(id)],
            cancellationToken: cancellationToken);
        log.Read(hit: !loaded);
        return product;
    }

    /// <summary>One page of the products that match.</summary>
    public async Task<ProductPage> SearchAsync(string tenant, ProductSearch search, CancellationToken cancellationToken)
    {
        var loaded = false;
        var page = await cache.GetOrCreateAsync(
            string.Create(CultureInfo.InvariantCulture, $"search:{search.Page}:{search.Size}:{search.Q}"),
            async token =>
            {
                loaded = true;
                return await store.SearchAsync(tenant, search, token);
            },
            ForSearches,
            [CatalogTags.Catalog],
            cancellationToken);
        log.Read(hit: !loaded);
        return page;
    }

    /// <summary>A new product.</summary>
    /// <exception cref="SkuTakenException">Another product of the tenant has the article number.</exception>
    public async Task<Product> CreateAsync(string tenant, ProductDraft draft, CancellationToken cancellationToken)
    {
        var product = await store.CreateAsync(tenant, draft, cancellationToken);
        await InvalidateAsync(product.Id);
        return product;
    }

    /// <summary>Replaces a product if it still has <paramref name="version"/> (any, if null).</summary>
    /// <exception cref="SkuTakenException">Another product of the tenant has the article number.</exception>
    public async Task<WriteResult> UpdateAsync(string tenant, long id, ProductDraft draft, long? version, CancellationToken cancellationToken)
    {
        var result = await store.UpdateAsync(tenant, id, draft, version, cancellationToken);
        await InvalidateAsync(id);
        return result;
    }

    /// <summary>Deletes a product if it still has <paramref name="version"/> (any, if null).</summary>
    public async Task<WriteResult> DeleteAsync(string tenant, long id, long? version, CancellationToken cancellationToken)
    {
        var result = await store.DeleteAsync(tenant, id, version, cancellationToken);
        await InvalidateAsync(id);
        return result;
    }

    // After the write, so that no load can bring the old row back; not cancelled with the request, because the row has
    // changed whether or not the client is still there; and also after a failed condition, which says that somebody read
    // something old. Pages carry the same tags and go with the data.
    private ValueTask InvalidateAsync(long id) => cache.RemoveByTagAsync([CatalogTags.Product(id), CatalogTags.Catalog], CancellationToken.None);
}
