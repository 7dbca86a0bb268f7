using System.Globalization;
using System.Text;
using FsCheck.Fluent;
using Larder.Tests.Scopes;
using Xunit;

namespace Larder.Tests.Keys;

public sealed class CacheKeyPropertyTests
{
    private const int Cases = 6_000;

    [Fact]
    public void Two_values_have_the_same_key_exactly_when_they_have_the_same_content() => Property.Holds(
        Node.Pair,
        pair => Assert.Equal(Node.Same(pair.First, pair.Second), KeyOf(pair.First, 1) == KeyOf(pair.Second, 2)),
        Cases);

    [Fact]
    public void The_order_of_entries_and_the_kind_of_collection_do_not_matter() =>
        Property.Holds(Node.Any, node => Assert.Equal(KeyOf(node, 1), KeyOf(node, 7)), Cases);

    [Theory]
    [InlineData("tr-TR")]
    [InlineData("ar-SA")]
    [InlineData("de-DE")]
    [InlineData("sv-SE")]
    public void The_culture_does_not_matter(string name)
    {
        var culture = CultureInfo.GetCultureInfo(name);
        Property.Holds(Node.Any, node => Assert.Equal(In(CultureInfo.InvariantCulture, () => KeyOf(node, 1)), In(culture, () => KeyOf(node, 1))), 1_500);
    }

    [Fact]
    public void Parts_without_reflection_have_the_key_of_their_tuple() => Property.Holds(
        Node.Any.ArrayOf(3),
        nodes =>
        {
            var parts = nodes.Select(node => node.ToValue(new Random(3))).ToArray();
            Assert.Equal(CacheKey.From((parts[0], parts[1], parts[2])), CacheKey.FromParts(parts));
        },
        1_500);

    [Fact]
    public void Texts_that_are_meant_to_collide_do_not() => Property.Holds(
        HostileText.Pair,
        pair =>
        {
            var (one, other) = (pair.First, pair.Second);
            Assert.Equal(one.Key == other.Key, CacheKey.From(one.Key) == CacheKey.From(other.Key));
            Assert.Equal((one.Tenant, one.Key) == (other.Tenant, other.Key), CacheKey.From((one.Tenant, one.Key)) == CacheKey.From((other.Tenant, other.Key)));
            Assert.Equal((one.Key, one.Prefix) == (other.Key, other.Prefix), CacheKey.ForCall("x" + one.Key, one.Prefix) == CacheKey.ForCall("x" + other.Key, other.Prefix));
        },
        Cases);

    [Fact]
    public void A_key_is_short_and_valid_text_without_controls() => Property.Holds(
        Node.Any,
        node =>
        {
            var key = KeyOf(node, 1);
            Assert.InRange(key.Length, 1, CacheKey.MaximumReadableLength);
            Assert.DoesNotContain(key, char.IsControl);
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(key);
        },
        Cases);

    private static string KeyOf(Node node, int seed) => CacheKey.From(node.ToValue(new Random(seed)));

    private static T In<T>(CultureInfo culture, Func<T> run)
    {
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = culture;
        try
        {
            return run();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
