using System.ComponentModel.DataAnnotations;

namespace Larder.Samples.WebApp.Catalog;

/// <summary>Which products a client looks for, and which page of them.</summary>
public sealed record ProductSearch
{
    /// <summary>A part of the name or category, in any casing. Default: all products.</summary>
    [StringLength(60)]
    public string? Q { get; init; }

    /// <summary>The page, from 1.</summary>
    [Range(1, 10_000)]
    public int Page { get; init; } = 1;

    /// <summary>Products on a page.</summary>
    [Range(1, 100)]
    public int Size { get; init; } = 20;
}
