using System.Runtime.CompilerServices;
using Larder.Engine;
using Xunit;

namespace Larder.Tests.Engine;

public sealed class WeakTableTests
{
    [Fact]
    public void A_value_is_the_same_as_long_as_someone_holds_it()
    {
        var table = new WeakTable<object>();
        var value = table.GetOrAdd("name", 0, static (_, _) => new object());
        GC.Collect();

        Assert.Same(value, table.GetOrAdd("name", 0, static (_, _) => new object()));
        Assert.Same(value, table.Find("name"));
        Assert.Equal([value], table.Values());
        Assert.Null(table.Find("Name"));
    }

    [Fact]
    public void A_value_nobody_holds_is_forgotten()
    {
        var table = new WeakTable<object>();
        Add(table, "name");
        Collect();

        Assert.Null(table.Find("name"));
        Assert.Empty(table.Values());
        Assert.NotNull(table.GetOrAdd("name", 0, static (_, _) => new object()));
    }

    [Fact]
    public void Ever_new_names_do_not_make_the_table_grow()
    {
        var table = new WeakTable<object>();
        for (var round = 0; round < 20; round++)
        {
            for (var i = 0; i < 1_000; i++)
            {
                Add(table, $"{round} {i}");
            }

            Collect();
        }

        Assert.InRange(table.Count, 1, 4_000);
    }

    [Fact]
    public void Two_live_values_of_one_name_never_exist()
    {
        var table = new WeakTable<object>();
        for (var round = 0; round < 200; round++)
        {
            // What the last round left dies in between, so that the race is for replacing it.
            if (round % 20 == 0)
            {
                Collect();
            }

            var name = $"{round % 7}";
            var found = new object[4];
            Parallel.For(0, 4, i => found[i] = table.GetOrAdd(name, 0, static (_, _) => new object()));
            Assert.All(found, value => Assert.Same(found[0], value));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Add(WeakTable<object> table, string name) => table.GetOrAdd(name, 0, static (_, _) => new object());

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }
}
