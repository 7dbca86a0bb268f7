using System.Collections.Immutable;
using System.ComponentModel;

namespace Larder.Samples.WebApp.Catalog;

/// <summary>One page of a search.</summary>
/// <param name="Items">The products, by name.</param>
/// <param name="Page">Number of the page, from 1.</param>
/// <param name="Size">How many products a page has at most.</param>
/// <param name="Total">How many products there are on all pages.</param>
[ImmutableObject(true)]
public sealed record ProductPage(ImmutableArray<Product> Items, int Page, int Size, long Total);
