using Xunit;

namespace Larder.Tests.Scopes;

public sealed class CacheScopeTests
{
    [Fact]
    public void Without_use_the_current_scope_is_the_raw_one() => Assert.Same(CacheScope.Raw, CacheScope.Current);

    [Fact]
    public async Task A_scope_in_use_flows_through_await_and_is_put_back_afterwards()
    {
        var outer = new CacheScope("outer");
        var inner = new CacheScope("inner");
        using (CacheScope.Use(outer))
        {
            await Task.Yield();
            Assert.Same(outer, CacheScope.Current);
            using (CacheScope.Use(inner))
            {
                await Task.Yield();
                Assert.Same(inner, await Task.Run(() => CacheScope.Current));
            }

            Assert.Same(outer, CacheScope.Current);
        }

        Assert.Same(CacheScope.Raw, CacheScope.Current);
    }

    [Fact]
    public async Task Calls_side_by_side_do_not_see_each_others_scope()
    {
        using var barrier = new SemaphoreSlim(0);
        var flows = Enumerable.Range(0, 50).Select(async i =>
        {
            using var usage = CacheScope.Use(new CacheScope($"{i}"));
            await barrier.WaitAsync();
            await Task.Yield();
            return CacheScope.Current.Tenant;
        }).ToArray();
        Assert.Same(CacheScope.Raw, CacheScope.Current);
        barrier.Release(50);

        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"{i}"), await Task.WhenAll(flows));
    }

    [Fact]
    public async Task What_a_called_method_uses_does_not_leak_to_its_caller()
    {
        await UseWithoutDisposingAsync();

        Assert.Same(CacheScope.Raw, CacheScope.Current);

        static async Task UseWithoutDisposingAsync()
        {
            CacheScope.Use(new CacheScope("leaked"));
            await Task.Yield();
        }
    }

    [Fact]
    public void Scopes_are_equal_when_all_parts_are_and_absent_is_not_empty()
    {
        Assert.Equal(new CacheScope("t", "p", "n"), new CacheScope("t", "p", "n"));
        Assert.Equal(new CacheScope("t", "p", "n").GetHashCode(), new CacheScope("t", "p", "n").GetHashCode());
        CacheScope[] different = [CacheScope.Raw, new(""), new(null, ""), new(null, null, ""), new("t"), new("T"), new(null, "t"), new("t", "p"), new("t", null, "p"), new("t", "p", "")];
        for (var i = 0; i < different.Length; i++)
        {
            for (var j = 0; j < different.Length; j++)
            {
                Assert.Equal(i == j, different[i].Equals(different[j]));
            }
        }
    }

    [Fact]
    public void One_part_can_be_changed_at_a_time()
    {
        var scope = new CacheScope("t", "p", "n");

        Assert.Equal(new CacheScope("x", "p", "n"), scope.WithTenant("x"));
        Assert.Equal(new CacheScope("t", null, "n"), scope.WithProject(null));
        Assert.Equal(new CacheScope("t", "p", ""), scope.WithNamespace(""));
        Assert.Equal(new CacheScope(null, null, "n"), CacheScope.Shared("n"));
        Assert.Throws<ArgumentNullException>(() => CacheScope.Shared(null!));
        Assert.Throws<ArgumentNullException>(() => CacheScope.Use(null!));
    }
}
