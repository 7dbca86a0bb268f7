using System.ComponentModel.DataAnnotations;

namespace Larder.Samples.WebApp.Catalog;

/// <summary>What a client sends to create or replace a product.</summary>
public sealed record ProductDraft
{
    /// <summary>Article number, unique within its tenant.</summary>
    [Required, StringLength(32, MinimumLength = 3), RegularExpression("[A-Z0-9][A-Z0-9-]*", ErrorMessage = "An article number has capital letters, digits and dashes.")]
    public required string Sku { get; init; }

    /// <summary>Name.</summary>
    [Required, StringLength(120, MinimumLength = 1)]
    public required string Name { get; init; }

    /// <summary>Category.</summary>
    [Required, StringLength(60, MinimumLength = 1)]
    public required string Category { get; init; }

    /// <summary>Price in hundredths of the tenant's currency.</summary>
    [Range(0, 1_000_000_000)]
    public required long PriceCents { get; init; }

    /// <summary>Pieces in stock.</summary>
    [Range(0, 1_000_000)]
    public required long Stock { get; init; }
}
