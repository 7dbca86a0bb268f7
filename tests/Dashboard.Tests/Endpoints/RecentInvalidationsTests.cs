using System.Globalization;
using Larder.Dashboard;
using Xunit;

namespace Larder.Tests;

/// <summary>Which invalidations are kept for the page.</summary>
public sealed class RecentInvalidationsTests
{
    private readonly RecentInvalidations _recent = new();

    [Fact]
    public void The_latest_are_kept_and_those_after_a_number_told()
    {
        for (var i = 1; i <= RecentInvalidations.Capacity + 5; i++)
        {
            Add(CacheInvalidationKind.Key, i.ToString(CultureInfo.InvariantCulture));
        }

        Assert.Equal(RecentInvalidations.Capacity, _recent.After(0).Count);
        Assert.Equal(["104", "105"], _recent.After(103).Select(each => each.Name));
        Assert.Equal("6", _recent.After(0)[0].Name);
    }

    [Fact]
    public void Doubts_in_a_row_are_one()
    {
        Add(CacheInvalidationKind.Unknown, null);
        Add(CacheInvalidationKind.Unknown, null);
        Add(CacheInvalidationKind.Tag, "t");
        Add(CacheInvalidationKind.Unknown, null);

        Assert.Equal(["Unknown", "Tag", "Unknown"], _recent.After(0).Select(each => each.Kind));
    }

    private void Add(CacheInvalidationKind kind, string? name) =>
        _recent.Add(new CacheInvalidation { Kind = kind, Name = name, IsLocal = true, At = default });
}
