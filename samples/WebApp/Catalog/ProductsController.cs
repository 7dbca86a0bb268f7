using System.Globalization;
using Microsoft.AspNetCore.Mvc;

namespace Larder.Samples.WebApp.Catalog;

/// <summary>The products of a tenant, which stands in the path or in the header <c>X-Tenant</c>.</summary>
[ApiController]
[Route("products")]
[Route("t/{tenant}/products")]
[RequireTenant(StatusCodes.Status404NotFound)]
public sealed class ProductsController(ProductCatalog catalog) : ControllerBase
{
    private static string Tenant => CacheScope.Current.Tenant!;

    /// <summary>Searches products by name and category, one page at a time.</summary>
    [HttpGet]
    [CacheRoute(Duration = 30, Tags = [CatalogTags.Catalog], Query = ["q", "page", "size"])]
    public Task<ProductPage> Search([FromQuery] ProductSearch search, CancellationToken cancellationToken) =>
        catalog.SearchAsync(Tenant, search, cancellationToken);

    /// <summary>Reads a product.</summary>
    [HttpGet("{id:long}")]
    [CacheRoute(Duration = 60, Tags = [CatalogTags.ProductTemplate])]
    [ProducesResponseType<Product>(StatusCodes.Status200OK)]
    [ProducesResponseType<ProblemDetails>(StatusCodes.Status404NotFound)]
    public async Task<ActionResult<Product>> Get(long id, CancellationToken cancellationToken)
    {
        if (await catalog.FindAsync(Tenant, id, cancellationToken) is not { } product)
        {
            return NotFound();
        }

        return Versioned(product);
    }

    /// <summary>Creates a product.</summary>
    [HttpPost]
    [ProducesResponseType<Product>(StatusCodes.Status201Created)]
    [ProducesResponseType<ProblemDetails>(StatusCodes.Status409Conflict)]
    public async Task<ActionResult<Product>> Create(ProductDraft draft, CancellationToken cancellationToken)
    {
        try
        {
            var product = await catalog.CreateAsync(Tenant, draft, cancellationToken);
            Versioned(product);

            // Under the path of this request, so that a client stays with the way it names its tenant.
            return Created(string.Create(CultureInfo.InvariantCulture, $"{Request.PathBase}{Request.Path.ToUriComponent().TrimEnd('/')}/{product.Id}"), product);
        }
        catch (SkuTakenException exception)
        {
            return Problem(exception.Message, statusCode: StatusCodes.Status409Conflict);
        }
    }

    /// <summary>Replaces a product. <c>If-Match</c> must carry the ETag that was read, or <c>*</c>.</summary>
    [HttpPut("{id:long}")]
    [ProducesResponseType<Product>(StatusCodes.Status200OK)]
    [ProducesResponseType<ProblemDetails>(StatusCodes.Status404NotFound)]
    [ProducesResponseType<ProblemDetails>(StatusCodes.Status409Conflict)]
    [ProducesResponseType<ProblemDetails>(StatusCodes.Status412PreconditionFailed)]
    [ProducesResponseType<ProblemDetails>(StatusCodes.Status428PreconditionRequired)]
    public async Task<ActionResult<Product>> Update(long id, ProductDraft draft, CancellationToken cancellationToken)
    {
        if (!VersionMatch.TryParse(Request.Headers.IfMatch, out var version, out var refusal))
        {
            return Problem(refusal.Detail, statusCode: refusal.Status);
        }

        try
        {
            var result = await catalog.UpdateAsync(Tenant, id, draft, version, cancellationToken);
            return result.Product is { } product ? Versioned(product) : NotWritten(result);
        }
        catch (SkuTakenException exception)
        {
            return Problem(exception.Message, statusCode: StatusCodes.Status409Conflict);
        }
    }

    /// <summary>Deletes a product. <c>If-Match</c> must carry the ETag that was read, or <c>*</c>.</summary>
    [HttpDelete("{id:long}")]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesResponseType<ProblemDetails>(StatusCodes.Status404NotFound)]
    [ProducesResponseType<ProblemDetails>(StatusCodes.Status412PreconditionFailed)]
    [ProducesResponseType<ProblemDetails>(StatusCodes.Status428PreconditionRequired)]
    public async Task<ActionResult> Delete(long id, CancellationToken cancellationToken)
    {
        if (!VersionMatch.TryParse(Request.Headers.IfMatch, out var version, out var refusal))
        {
            return Problem(refusal.Detail, statusCode: refusal.Status);
        }

        var result = await catalog.DeleteAsync(Tenant, id, version, cancellationToken);
        return result.Outcome == WriteOutcome.Done ? NoContent() : NotWritten(result);
    }

    private ActionResult NotWritten(WriteResult result) => result.Outcome == WriteOutcome.Missing
        ? NotFound()
        : Problem("The product has changed since you read it. Read it again.", statusCode: StatusCodes.Status412PreconditionFailed);

    private Product Versioned(Product product)
    {
        Response.Headers.ETag = VersionMatch.Tag(product.Version);
        return product;
    }
}
