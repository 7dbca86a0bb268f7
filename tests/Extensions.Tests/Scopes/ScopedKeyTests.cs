using Larder.Scopes;
using Larder.Tests.Engine;
using Xunit;

namespace Larder.Tests.Scopes;

public sealed class ScopedKeyTests
{
    [Theory]
    [InlineData("acme", "web", "users", "42", "shop:v1:t.acme:p.web:n.users:42")]
    [InlineData(null, null, null, "42", "shop:v1:t:p:n:42")]
    [InlineData("", "", "", "42", "shop:v1:t.:p.:n.:42")]
    [InlineData("t", "p", "n", "a:b", "shop:v1:t.t:p.p:n.n:a:b")]
    [InlineData("a:b", "{x}", "50%", "{k}", "shop:v1:t.a%3Ab:p.%7Bx%7D:n.50%25:%7Bk%7D")]
    [InlineData("#1", "a#", "\n", "#", "shop:v1:t.%231:p.a#:n.%0A:%23")]
    public async Task A_physical_key_can_be_read_in_a_console(string? tenant, string? project, string? name, string key, string expected)
    {
        await using var engine = TestEngine.InMemory(options => (options.Prefix, options.Version) = ("shop", "v1"));
        var scope = new CacheScope(tenant, project, name);

        Assert.Equal(expected, engine.Scope(scope).PhysicalKey(key));
        Assert.Equal(expected, new KeyTuple("shop", "v1", tenant, project, name, key).PhysicalKey);
    }

    [Fact]
    public void Halves_of_surrogate_pairs_are_escaped_and_pairs_are_kept() =>
        Assert.Equal("a:b:t.%uD800:p.\uD83D\uDE00:n.%uDE00%uD83D:%uDC00", new KeyTuple("a", "b", "\uD800", "\uD83D\uDE00", "\uDE00\uD83D", "\uDC00").PhysicalKey);

    [Fact]
    public async Task The_names_of_groups_can_be_read_in_a_console()
    {
        await using var engine = TestEngine.InMemory();
        var scope = engine.Scope(new CacheScope("acme", null, "users"));

        Assert.Equal(["s:*", "s:t.acme", "s:t.acme:p", "s:t.acme:p:n.users"], scope.Levels.Select(level => level.Id));
        Assert.Equal("g:t.acme:p:n.users:user:42", scope.Tag("user:42").Id);
    }

    [Fact]
    public void A_part_is_hashed_only_when_it_is_too_long()
    {
        Assert.Equal($"t.{new string('x', 128)}", ScopedKey.TenantId(new CacheScope(new string('x', 128))));
        Assert.Matches("^t\\.#[0-9a-f]{64}$", ScopedKey.TenantId(new CacheScope(new string('x', 129))));
        Assert.Matches("^t\\.#[0-9a-f]{64}$", ScopedKey.TenantId(new CacheScope(new string(':', 43))));
        Assert.Equal(new string('k', 1024), ScopedKey.Key(new string('k', 1024)));
        Assert.Matches("^#[0-9a-f]{64}$", ScopedKey.Key(new string('k', 1025)));
    }
}
