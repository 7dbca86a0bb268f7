namespace Larder.Samples.WebApp.Catalog;

/// <summary>How a conditional write ended.</summary>
/// <param name="Outcome">Whether it was done.</param>
/// <param name="Product">The product afterwards; null if it was deleted, or not written.</param>
public readonly record struct WriteResult(WriteOutcome Outcome, Product? Product = null);

/// <summary>Whether a conditional write was done.</summary>
public enum WriteOutcome
{
    /// <summary>It was done.</summary>
    Done,

    /// <summary>There is no such product.</summary>
    Missing,

    /// <summary>The product has another version.</summary>
    Changed,
}
