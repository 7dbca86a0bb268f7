using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Larder.Admin;
using Larder.Scopes;
using Larder.Tests.Scopes;
using Xunit;

namespace Larder.Tests.Admin;

public sealed class KeyPatternTests
{
    private static readonly Gen<string> Dense =
        from count in Gen.Choose(1, 8)
        from pieces in Gen.Elements("a", "b", "ab", "*", "?", "**", "[a]", "\\", "^", "%", ":").ArrayOf(count)
        select string.Concat(pieces);

    [Fact]
    public void A_pattern_matches_what_the_expression_of_the_same_meaning_matches() =>
        Property.Holds(from pattern in Dense from key in Dense select (pattern, key), given =>
        {
            var expression = "^" + Regex.Escape(given.pattern).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal) + "$";
            var expected = Regex.IsMatch(given.key, expression, RegexOptions.Singleline | RegexOptions.CultureInvariant);
            Assert.True(expected == KeyPattern.Parse(given.pattern).Matches(given.key), $"'{given.pattern}' '{given.key}' {expected}");
        }, 20_000);

    [Fact]
    public void A_prefix_means_itself_whatever_it_holds() =>
        Property.Holds(from prefix in Dense from key in Dense from joined in Gen.Elements(true, false) select (prefix, key: joined ? prefix + key : key), given =>
            Assert.Equal(given.key.StartsWith(given.prefix, StringComparison.Ordinal), KeyPattern.Prefix(given.prefix).Matches(given.key)));

    [Fact]
    public void What_the_server_is_asked_for_holds_every_key_that_matches() =>
        Property.Holds(from start in HostileText.Text from rest in HostileText.Text from wild in Gen.Elements("*", "?", "") select (start, rest, wild), given =>
        {
            var key = given.start + given.rest;
            var pattern = given.start + given.wild;
            if (key.Length == 0 || pattern.Length is 0 or > KeyPattern.MaximumLength || !KeyPattern.Parse(pattern).Matches(key))
            {
                return;
            }

            var physical = ScopedKey.Key(key);
            Assert.True(
                ScopedKey.IsHashed(physical) || physical.StartsWith(ScopedKey.KeyStart(KeyPattern.Parse(pattern).Start), StringComparison.Ordinal),
                $"{physical} does not begin with {ScopedKey.KeyStart(KeyPattern.Parse(pattern).Start)}");
        }, 20_000);

    [Fact]
    public void Each_key_is_read_back_from_its_text_unless_it_is_hashed() =>
        Property.Holds(HostileText.Text, key =>
        {
            var escaped = ScopedKey.Key(key);
            Assert.Equal(!ScopedKey.IsHashed(escaped), ScopedKey.TryReadKey(escaped, out var read));
            if (read is not null)
            {
                Assert.Equal(key, read);
            }
        }, 20_000);

    [Fact]
    public void No_text_but_the_one_of_a_key_is_read_as_that_key() =>
        Property.Holds(HostileText.Text, text =>
        {
            if (ScopedKey.TryReadKey(text, out var key))
            {
                Assert.Equal(text, ScopedKey.Key(key));
            }
        }, 20_000);

    [Fact]
    public void Each_scope_is_read_back_from_its_id_with_hashes_for_parts_that_are_too_long() =>
        Property.Holds(HostileText.Tuple, tuple =>
        {
            var scope = new CacheScope(tuple.Tenant, tuple.Project, tuple.Namespace);
            Assert.True(ScopedKey.TryReadScope(ScopedKey.ScopeId(scope), out var read));
            foreach (var (given, found) in ((string?, string?)[])[(scope.Tenant, read.Tenant), (scope.Project, read.Project), (scope.Namespace, read.Namespace)])
            {
                Assert.True(given == found || (found is ['#', ..] && given!.Length > ScopedKey.MaximumPartLength / 6), $"'{given}' '{found}'");
            }

            Assert.True(ScopedKey.TryReadScope(ScopedKey.TenantId(scope), out var tenant));
            Assert.Equal((read.Tenant, null, null), (tenant.Tenant, tenant.Project, tenant.Namespace));
        }, 10_000);

    [Fact]
    public void A_pattern_is_told_to_other_nodes_as_it_is()
    {
        foreach (var pattern in (KeyPattern[])[KeyPattern.Parse("a*b?"), KeyPattern.Prefix("a*b?")])
        {
            Assert.True(KeyPattern.TryDecode(pattern.Encode(), out var decoded));
            foreach (var key in (string[])["a*b?", "axxbx", "a*b?c", "ab"])
            {
                Assert.Equal(pattern.Matches(key), decoded.Matches(key));
            }
        }

        Assert.False(KeyPattern.TryDecode("", out _));
        Assert.False(KeyPattern.TryDecode("x*", out _));
    }

    [Theory]
    [InlineData("")]
    public void What_is_empty_is_refused(string text)
    {
        Assert.Contains("'*'", Assert.Throws<ArgumentException>(() => KeyPattern.Parse(text)).Message, StringComparison.Ordinal);
        Assert.Contains("ClearNamespaceAsync", Assert.Throws<ArgumentException>(() => KeyPattern.Prefix(text)).Message, StringComparison.Ordinal);
        Assert.Contains("4097", Assert.Throws<ArgumentException>(() => KeyPattern.Parse(new string('x', 4_097))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_pattern_of_many_stars_ends_soon()
    {
        var pattern = KeyPattern.Parse(string.Concat(Enumerable.Repeat("a*", 2_000)) + "b");
        Assert.False(pattern.Matches(new string('a', 32_768)));
    }
}
