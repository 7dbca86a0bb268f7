using Larder.Diagnostics;
using Xunit;

namespace Larder.Tests.Diagnostics;

/// <summary>However many namespaces and tenants there are, what listens is told of so many and no more.</summary>
public sealed class ScopeLabelTableTests
{
    [Fact]
    public void Namespaces_beyond_the_bound_are_measured_together_and_known_ones_keep_their_place()
    {
        var table = new ScopeLabelTable(new LarderOptions(), maximumNamespaces: 2);

        Assert.Equal("a", Namespace(table.Get(CacheScope.Shared("a"))));
        Assert.Equal("b", Namespace(table.Get(CacheScope.Shared("b"))));
        Assert.Equal("_OTHER", Namespace(table.Get(CacheScope.Shared("c"))));
        Assert.Equal("_OTHER", Namespace(table.Get(CacheScope.Shared("d"))));
        Assert.Equal("a", Namespace(table.Get(CacheScope.Shared("a"))));
        Assert.Same(table.Get(CacheScope.Shared("c")), table.Get(CacheScope.Shared("d")));
    }

    [Fact]
    public void Configured_namespaces_always_count_as_themselves()
    {
        var options = new LarderOptions();
        options.Namespaces["configured"] = new NamespaceOptions();
        var table = new ScopeLabelTable(options, maximumNamespaces: 1);

        Assert.Equal("_OTHER", Namespace(table.Get(CacheScope.Shared("a"))));
        Assert.Equal("configured", Namespace(table.Get(CacheScope.Shared("configured"))));
    }

    [Fact]
    public void What_has_no_namespace_has_no_attribute()
    {
        var table = new ScopeLabelTable(new LarderOptions());

        Assert.Empty(table.Get(CacheScope.Raw).Scope);
        Assert.Equal("", Namespace(table.Get(CacheScope.Shared(""))));
    }

    [Fact]
    public void Tenants_show_only_where_they_are_asked_for()
    {
        var acme = new CacheScope("acme", null, "users");

        Assert.Null(Tenant(new ScopeLabelTable(new LarderOptions()).Get(acme)));
        Assert.Equal("acme", Tenant(new ScopeLabelTable(new LarderOptions { TelemetryByTenant = true }).Get(acme)));
    }

    [Fact]
    public void Tenants_beyond_the_bound_are_measured_together_in_each_namespace()
    {
        var table = new ScopeLabelTable(new LarderOptions { TelemetryByTenant = true }, maximumTenants: 2);
        string?[] tenants = [.. Enumerable.Range(0, 10_000).Select(i => Tenant(table.Get(new CacheScope($"t{i}", null, i % 2 == 0 ? "even" : "odd"))))];

        Assert.Equal(["t0", "t1", "_OTHER"], tenants.Distinct());
        Assert.Equal("t0", Tenant(table.Get(new CacheScope("t0", null, "even"))));
        Assert.Equal("_OTHER", Tenant(table.Get(new CacheScope("t0", null, "odd"))));
        Assert.Equal("odd", Namespace(table.Get(new CacheScope("t7", null, "odd"))));
        Assert.Null(Tenant(table.Get(new CacheScope(null, null, "even"))));
    }

    [Fact]
    public void Names_that_are_too_long_take_no_place()
    {
        var table = new ScopeLabelTable(new LarderOptions { TelemetryByTenant = true }, maximumNamespaces: 1, maximumTenants: 1);
        var text = new string('x', ScopeLabelTable.MaximumLength + 1);
        var labels = table.Get(new CacheScope(text, null, text));

        Assert.Equal(("_OTHER", "_OTHER"), (Namespace(labels), Tenant(labels)));
        labels = table.Get(new CacheScope(text[1..], null, text[1..]));
        Assert.Equal((text[1..], text[1..]), (Namespace(labels), Tenant(labels)));
    }

    private static string? Namespace(ScopeLabels labels) => Value(labels, "larder.namespace");

    private static string? Tenant(ScopeLabels labels) => Value(labels, "larder.tenant");

    private static string? Value(ScopeLabels labels, string name) => (string?)labels.Scope.SingleOrDefault(attribute => attribute.Key == name).Value;
}
