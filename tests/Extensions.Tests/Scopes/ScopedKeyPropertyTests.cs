using System.Reflection;
using System.Text;
using FsCheck.Fluent;
using Larder.Redis;
using Larder.Scopes;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Scopes;

public sealed class ScopedKeyPropertyTests
{
    private const int Cases = 6_000;

    private static readonly Func<string, RedisKey> LeaseKey = typeof(RedisSecondLevel)
        .GetMethod("LeaseKey", BindingFlags.NonPublic | BindingFlags.Static)!.CreateDelegate<Func<string, RedisKey>>();

    [Fact]
    public void Two_tuples_have_the_same_physical_key_exactly_when_they_are_equal() =>
        Property.Holds(HostileText.Pair, pair => SameExactlyWhen(pair.First == pair.Second, pair.First.PhysicalKey, pair.Second.PhysicalKey), Cases);

    [Fact]
    public void Two_tuples_have_the_same_lease_exactly_when_they_are_equal() =>
        Property.Holds(HostileText.Pair, pair => SameExactlyWhen(pair.First == pair.Second, LeaseKey(pair.First.PhysicalKey)!, LeaseKey(pair.Second.PhysicalKey)!), Cases);

    [Fact]
    public void Two_tags_have_the_same_group_exactly_when_they_and_their_scopes_are_equal() =>
        Property.Holds(HostileText.Pair, pair => SameExactlyWhen(pair.First == pair.Second, TagGroup(pair.First), TagGroup(pair.Second)), Cases);

    [Fact]
    public void Two_scopes_share_a_tenant_or_project_group_exactly_when_they_share_its_parts() =>
        Property.Holds(
            HostileText.Pair,
            pair =>
            {
                var (first, second) = (pair.First, pair.Second);
                var application = (first.Prefix, first.Version) == (second.Prefix, second.Version);
                var tenant = application && first.Tenant == second.Tenant;
                var project = tenant && first.Project == second.Project;
                var scope = project && first.Namespace == second.Namespace;
                var expected = new[] { application, tenant, project, scope };
                foreach (var (equal, one, other) in expected.Zip(Levels(first), Levels(second)))
                {
                    SameExactlyWhen(equal, one, other);
                }
            },
            Cases);

    [Fact]
    public void Keys_leases_groups_and_the_rest_never_meet() =>
        Property.Holds(
            HostileText.Pair,
            pair =>
            {
                var first = Everything(pair.First);
                var second = Everything(pair.Second);
                for (var i = 0; i < first.Length; i++)
                {
                    var same = Array.IndexOf(second, first[i]);
                    Assert.True(same < 0 || same == i, $"{first[i]} is of two kinds");
                }
            },
            Cases);

    [Fact]
    public void What_is_stored_has_no_character_that_a_server_or_a_console_trips_over() =>
        Property.Holds(HostileText.Tuple, tuple =>
        {
            var key = tuple.PhysicalKey;
            Assert.DoesNotContain(key, c => char.IsControl(c) || c is '{' or '}');
            Assert.Equal(key, new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(new UTF8Encoding(false, true).GetBytes(key)));
            Assert.True(key.Length <= (5 * (ScopedKey.MaximumPartLength + 3)) + ScopedKey.MaximumKeyLength);
        });

    // Compared as the server sees them: in bytes.
    private static void SameExactlyWhen(bool equal, string first, string second) =>
        Assert.Equal(equal, Encoding.UTF8.GetBytes(first).AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(second)));

    private static string TagGroup(KeyTuple tuple) => $"{tuple.ApplicationPrefix}g:{ScopedKey.ScopeId(tuple.Scope)}:{ScopedKey.Key(tuple.Key)}";

    private static string[] Levels(KeyTuple tuple) =>
    [
        $"{tuple.ApplicationPrefix}s:*",
        $"{tuple.ApplicationPrefix}s:{ScopedKey.TenantId(tuple.Scope)}",
        $"{tuple.ApplicationPrefix}s:{ScopedKey.ProjectId(tuple.Scope)}",
        $"{tuple.ApplicationPrefix}s:{ScopedKey.ScopeId(tuple.Scope)}",
    ];

    // Everything a node may name at the server for one tuple, of kinds that must not be confused.
    private static string[] Everything(KeyTuple tuple) =>
    [
        tuple.PhysicalKey, LeaseKey(tuple.PhysicalKey)!, TagGroup(tuple), .. Levels(tuple), $"{tuple.ApplicationPrefix}c:writes", $"{tuple.ApplicationPrefix}c:purge", $"{tuple.ApplicationPrefix}backplane",
    ];
}
