using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Collections.Specialized;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Xunit;

namespace Larder.Tests.Keys;

public sealed class CacheKeyTests
{
    // Other processes, and later versions, must make the same keys: these texts may not change.
    public static TheoryData<object?, string> Golden => new()
    {
        { null, "null" },
        { "null", "'null'" },
        { "", "''" },
        { "it's a \\ \n\uD800 \uD83D\uDE00", "'it\\'s a \\\\ \\u000A\\uD800 \uD83D\uDE00'" },
        { true, "true" },
        { 1, "1" },
        { 1L, "1" },
        { (byte)1, "1" },
        { long.MinValue, "-9223372036854775808" },
        { "1", "'1'" },
        { '1', "c'1'" },
        { 1.0m, "1m" },
        { 1200.50m, "1200.5m" },
        { 100m, "100m" },
        { -0.0m, "0m" },
        { 1.0, "1d" },
        { 0.1 + 0.2, "0.30000000000000004d" },
        { -0.0, "-0d" },
        { double.NaN, "NaNd" },
        { double.PositiveInfinity, "Infinityd" },
        { double.NegativeInfinity, "-Infinityd" },
        { 1e300, "1E+300d" },
        { 0.1f, "0.1f" },
        { (Half)0.5, "0.5h" },
        { DayOfWeek.Tuesday, "enum'System.DayOfWeek'2" },
        { new Guid("01020304-0506-0708-090A-0B0C0D0E0F10"), "guid'01020304-0506-0708-090a-0b0c0d0e0f10'" },
        { new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc), "utc'2026-01-02T03:04:05.0000000Z'" },
        { new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Unspecified), "time'2026-01-02T03:04:05.0000000'" },
        { new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc).ToLocalTime(), "local'2026-01-02T03:04:05.0000000Z'" },
        { new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(2)), "offset'2026-01-02T03:04:05.0000000+02:00'" },
        { new DateOnly(2026, 1, 2), "date'2026-01-02'" },
        { new TimeOnly(3, 4, 5), "clock'03:04:05.0000000'" },
        { new TimeSpan(1, 2, 3, 4, 5), "span'1.02:03:04.0050000'" },
        { new byte[] { 0, 0xAB }, "bytes'00ab'" },
        { new ReadOnlyMemory<byte>([0, 0xAB]), "bytes'00ab'" },
        { new sbyte[] { -1 }, "[-1]" },
        { new Uri("/a?b=c", UriKind.Relative), "uri'/a?b=c'" },
        { typeof(List<int>), "type'System.Collections.Generic.List`1[System.Int32]'" },
        { ("user", 42), "('user',42)" },
        { Tuple.Create("user", 42), "('user',42)" },
        { ValueTuple.Create(), "()" },
        { (1, 2, 3, 4, 5, 6, 7, 8, 9), "(1,2,3,4,5,6,7,8,9)" },
        { ((1, 2), 3), "((1,2),3)" },
        { (1, (2, 3)), "(1,(2,3))" },
        { new { Page = 2, Filter = "new" }, "new(Filter='new',Page=2)" },
        { new { Filter = "new", Page = 2 }, "new(Filter='new',Page=2)" },
        { new { Émile = 1 }, "new('Émile'=1)" },
        { new Search("lamp", 2, null), "obj'Larder.Tests.Keys.CacheKeyTests+Search'(Page=2,Sort=null,Text='lamp')" },
        { new OtherSearch("lamp", 2, null), "obj'Larder.Tests.Keys.CacheKeyTests+OtherSearch'(Page=2,Sort=null,Text='lamp')" },
        { new Fields { X = 1, Y = 2 }, "obj'Larder.Tests.Keys.CacheKeyTests+Fields'(X=1,Y=2)" },
        { new Everything(), "obj'Larder.Tests.Keys.CacheKeyTests+Everything'()" },
        { new Hiding(), "obj'Larder.Tests.Keys.CacheKeyTests+Hiding'(Name='derived')" },
        { new Dictionary<string, object?> { ["b"] = 1, ["a"] = null }, "map('a'=null,'b'=1)" },
        { new Hashtable { [2] = "b", [1] = "a" }, "map(1='a',2='b')" },
        { new Dictionary<int, int> { [2] = 1, [1] = 2 }.ToFrozenDictionary(), "map(1=2,2=1)" },
        { ImmutableSortedDictionary<string, int>.Empty.Add("b", 1).Add("a", 2), "map('a'=2,'b'=1)" },
        { new ReadOnlyMap(), "map('a'=2,'b'=1)" },
        { KeyValuePair.Create("a", 1), "pair('a'=1)" },
        { new HashSet<int> { 3, 1, 2 }, "set(1,2,3)" },
        { new SortedSet<string> { "b", "a" }, "set('a','b')" },
        { new[] { "b", "a" }.ToFrozenSet(), "set('a','b')" },
        { new[] { 3, 1, 2 }, "[3,1,2]" },
        { new List<object?> { null, "a", 1 }, "[null,'a',1]" },
        { Enumerable.Range(1, 3).Select(i => i * 2), "[2,4,6]" },
        { new ConcurrentQueue<int>([1, 2]), "[1,2]" },
        { new[,] { { 1, 2 }, { 3, 4 } }, "array(2,2)[1,2,3,4]" },
        { new[] { new[] { 1, 2 }, [3, 4] }, "[[1,2],[3,4]]" },
        { new string('x', 254), $"'{new string('x', 254)}'" },
        { new string('x', 255), "sha256'8c8384726e266fee17cf67ad3d3463ac8bc58399aa6b6733b61144e7aa872331'" },
    };

    public static TheoryData<object, string> Refused => new()
    {
        { new Func<int>(() => 1), "$ is a System.Func`1[System.Int32]" },
        { new MemoryStream(), "$ is a System.IO.MemoryStream" },
        { Task.FromResult(1), "$ is a System.Threading.Tasks.Task`1[System.Int32]" },
        { new ValueTask<int>(1), "$ is a System.Threading.Tasks.ValueTask`1[System.Int32]" },
        { new[] { 1 }.AsQueryable(), "$ is a System.Linq.EnumerableQuery`1[System.Int32]" },
        { CancellationToken.None, "$ is a System.Threading.CancellationToken" },
        { (1, new { A = new object[] { 2, new StringBuilder() } }), "$[1].A[1] is a System.Text.StringBuilder" },
        { new Dictionary<string, object> { ["a"] = new object() }, "$[0].value is a System.Object" },
        { new NameValueCollection { ["a"] = "b" }, "$ is a System.Collections.Specialized.NameValueCollection" },
        { new[] { 1, 2 }.ToLookup(i => i), "$ is a System.Linq." },
        { new[] { 1, 2 }.GroupBy(i => i), "$[0] is a System.Linq.Grouping`2[System.Int32,System.Int32]" },
        { JsonDocument.Parse("1").RootElement, "$ is a System.Text.Json.JsonElement" },
        { AsyncItems(), "$ is a Larder.Tests.Keys.CacheKeyTests+<AsyncItems>" },
        { new Hidden(3), "$ is a Larder.Tests.Keys.CacheKeyTests+Hidden; it has no public properties" },
        { new Throwing(), "$.Value could not be read: System.InvalidOperationException: not now" },
        { new Dictionary<object, int> { [new object()] = 1 }, "$[0] is a System.Object" },
        { Endless(), "it would be longer than" },
    };

    [Theory]
    [MemberData(nameof(Golden))]
    public void The_texts_are_these(object? value, string expected) => Assert.Equal(expected, CacheKey.From(value));

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_no_key_can_be_made_from_is_named_with_the_path_to_it(object value, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => CacheKey.From(value)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_cycle_is_named_with_both_of_its_ends()
    {
        var node = new Link { Name = "a", Next = new Link { Name = "b" } };
        node.Next.Next = node;

        Assert.Equal("No key can be made: $[0].Next.Next refers back to $[0], a Larder.Tests.Keys.CacheKeyTests+Link.", Assert.Throws<ArgumentException>(() => CacheKey.From(new[] { node })).Message);
    }

    [Fact]
    public void One_object_in_two_places_is_no_cycle()
    {
        var shared = new Link { Name = "a" };

        Assert.Equal(CacheKey.From(new[] { shared, new Link { Name = "a" } }), CacheKey.From(new[] { shared, shared }));
    }

    [Fact]
    public void Too_deep_is_refused_and_just_deep_enough_is_not()
    {
        object value = 1;
        for (var i = 0; i < 64; i++)
        {
            value = new[] { value };
        }

        _ = CacheKey.From(value);
        Assert.Contains("[0][0] is nested deeper than 64 levels", Assert.Throws<ArgumentException>(() => CacheKey.From(new[] { value })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void After_a_refusal_keys_are_made_as_before()
    {
        Assert.Throws<ArgumentException>(() => CacheKey.From(("left behind", new object())));

        Assert.Equal("(1)", CacheKey.FromParts(1));
    }

    [Fact]
    public void A_property_may_make_keys_itself() => Assert.Equal("obj'Larder.Tests.Keys.CacheKeyTests+Nesting'(Key='(1,2)')", CacheKey.From(new Nesting()));

    [Fact]
    public void Without_reflection_objects_are_refused()
    {
        Assert.Equal("('a',[1],map('b'=2))", CacheKey.FromParts("a", new[] { 1 }, new Dictionary<string, int> { ["b"] = 2 }));
        Assert.Contains("$[1] is a Larder.Tests.Keys.CacheKeyTests+Search; FromParts reads no members", Assert.Throws<ArgumentException>(() => CacheKey.FromParts(1, new Search("a", 1, null))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => CacheKey.FromParts(new { A = 1 }));
    }

    [Fact]
    public void A_call_by_name_is_its_name_and_arguments()
    {
        Assert.Equal("call'FindAsync'('lamp',2)", CacheKey.ForCall("FindAsync", "lamp", 2));
        Assert.Equal("call'FindAsync'('lamp',2)", CacheKey.ForCall("FindAsync", "lamp", CancellationToken.None, 2));
        Assert.Equal("call'All'()", CacheKey.ForCall("All"));
        Assert.NotEqual(CacheKey.ForCall("a", "b", "c"), CacheKey.ForCall("a", ("b", "c")));
        Assert.NotEqual(CacheKey.ForCall("a", 1, null), CacheKey.ForCall("a", 1));
        Assert.Throws<ArgumentException>(() => CacheKey.ForCall(""));
        Assert.Contains("$[1] is a System.Object", Assert.Throws<ArgumentException>(() => CacheKey.ForCall("a", 1, new object())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_call_by_method_differs_from_its_overloads_and_leaves_tokens_out()
    {
        var text = Method<string>();
        var number = Method<int>();

        Assert.Equal("method'Larder.Tests.Keys.CacheKeyTests+Finder.Find(System.String,System.Nullable`1[System.Threading.CancellationToken])'('a')", CacheKey.ForCall(text, "a"));
        Assert.Equal(CacheKey.ForCall(text, "a"), CacheKey.ForCall(text, "a", CancellationToken.None));
        Assert.Equal(CacheKey.ForCall(text, "a"), CacheKey.ForCall(text, "a", null));
        Assert.NotEqual(CacheKey.ForCall(text, (string?)null), CacheKey.ForCall(number, (object?)null));
        Assert.Contains("has 1 parameters that are part of a key, and 0 arguments were given", Assert.Throws<ArgumentException>(() => CacheKey.ForCall(text)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => CacheKey.ForCall(text, "a", "b", "c"));

        var generic = typeof(Finder).GetMethod(nameof(Finder.Get))!;
        Assert.Equal("method'Larder.Tests.Keys.CacheKeyTests+Finder.Get[System.Int32](System.Int32)'(1)", CacheKey.ForCall(generic.MakeGenericMethod(typeof(int)), 1));

        static MethodInfo Method<T>() => typeof(Finder).GetMethod(nameof(Finder.Find), [typeof(T), typeof(CancellationToken?)])!;
    }

    [Fact]
    public async Task Threads_do_not_disturb_each_other()
    {
        var expected = Enumerable.Range(0, 50).Select(i => CacheKey.From((i, new { A = i }))).ToArray();

        await Parallel.ForAsync(0, 2_000, (i, _) =>
        {
            Assert.Equal(expected[i % 50], CacheKey.From((i % 50, new { A = i % 50 })));
            return default;
        });
    }

    private static IEnumerable<int> Endless()
    {
        while (true)
        {
            yield return 1_000_000_000;
        }
    }

    private static async IAsyncEnumerable<int> AsyncItems()
    {
        await Task.Yield();
        yield return 1;
    }

    private sealed record Search(string Text, int Page, string? Sort);

    private sealed record OtherSearch(string Text, int Page, string? Sort);

    private sealed record Everything;

    private sealed class Finder
    {
        public static void Find(string text, CancellationToken? token) => _ = (text, token);

        public static void Find(int number, CancellationToken? token) => _ = (number, token);

        public static void Get<T>(T id) => _ = id;
    }

    private struct Fields
    {
        public int Y;
        public int X;
    }

    private class Hideable
    {
        public string Name => "base";
    }

    private sealed class Hiding : Hideable
    {
        public new string Name => "derived";
    }

    private sealed class Hidden(int value)
    {
        private readonly int _value = value;

        public override string ToString() => _value.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    private sealed class Throwing
    {
        public int Value => throw new InvalidOperationException("not now");
    }

    private sealed class Nesting
    {
        public string Key => CacheKey.FromParts(1, 2);
    }

    private sealed class Link
    {
        public string? Name { get; set; }

        public Link? Next { get; set; }
    }

    private sealed class ReadOnlyMap : IReadOnlyDictionary<string, int>
    {
        private readonly Dictionary<string, int> _entries = new() { ["b"] = 1, ["a"] = 2 };

        public IEnumerable<string> Keys => _entries.Keys;

        public IEnumerable<int> Values => _entries.Values;

        public int Count => _entries.Count;

        public int this[string key] => _entries[key];

        public bool ContainsKey(string key) => _entries.ContainsKey(key);

        public IEnumerator<KeyValuePair<string, int>> GetEnumerator() => _entries.GetEnumerator();

        public bool TryGetValue(string key, out int value) => _entries.TryGetValue(key, out value);

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
