using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using Larder.Tests.Scopes;

namespace Larder.Tests.Keys;

/// <summary>What a key can be made from, as a tree whose equality does not depend on how keys are written.</summary>
internal sealed record Node(NodeKind Kind, object? Leaf, Node[] Children, string[] Names)
{
    private static readonly object?[] Leaves =
    [
        null, "", "null", "true", "1", "1m", "'", "''", "\\", "\\'", "a','b", "a", "b", "a:b", ",", ")", "(", "[]", "\\u0000", "\0", "sha256'", "enum", "=",
        true, false, 0, 1, -1, 1L, (byte)1, (short)-1, uint.MaxValue, ulong.MaxValue, (Int128)1, new BigInteger(1), int.MinValue,
        0m, 1m, 1.0m, 1.00m, -1.5m, 100m, 100.0m, 0.1m, decimal.MaxValue, 0d, -0d, 1d, 0.1d, 1e300, 1e-300, 100d, double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.Epsilon,
        0f, -0f, 1f, 0.1f, float.NaN, (Half)1, 'a', '1', '\'', '\uD800', DayOfWeek.Monday, DayOfWeek.Tuesday, (DayOfWeek)99, DateTimeKind.Utc, ConsoleColor.DarkBlue,
        Guid.Empty, new Guid("01020304-0506-0708-090a-0b0c0d0e0f10"), new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc), new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Unspecified),
        new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc).AddTicks(1), new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), new DateTimeOffset(2026, 1, 2, 5, 4, 5, TimeSpan.FromHours(2)),
        new DateOnly(2026, 1, 2), new TimeOnly(3, 4, 5), new TimeSpan(1, 2, 3), TimeSpan.FromTicks(-1), new byte[] { 1, 2 }, new byte[] { 0x12 }, Array.Empty<byte>(),
    ];

    // So that a set may have equal items, of which a key must have each.
    private static readonly EqualityComparer<object?> KeepAll = EqualityComparer<object?>.Create(static (_, _) => false, static _ => 0);

    private static readonly Gen<Node> AnyLeaf = Gen.Frequency((4, Gen.Elements(Leaves)), (1, HostileText.Text.Select(object? (text) => text))).Select(OfLeaf);

    public static Gen<Node> Any { get; } = OfDepth(3);

    /// <summary>Two nodes: one and a changed one, or two that have nothing to do with each other.</summary>
    public static Gen<(Node First, Node Second)> Pair { get; } =
        from first in Any
        from second in Gen.Frequency((1, Any), (6, Mutated(first)), (2, Mutated(first).SelectMany(Mutated)))
        select (first, second);

    public static Node OfLeaf(object? leaf) => new(NodeKind.Leaf, leaf, [], []);

    /// <summary>Builds the value, with the entries of what is unordered in the order of random numbers.</summary>
    public object? ToValue(Random random)
    {
        if (Kind == NodeKind.Leaf)
        {
            return Leaf;
        }

        var children = Children.Select(child => child.ToValue(random)).ToArray();
        var order = Enumerable.Range(0, children.Length).ToArray();
        random.Shuffle(order);
        switch (Kind)
        {
            case NodeKind.Tuple:
                return children switch { [] => ValueTuple.Create(), [var a] => ValueTuple.Create(a), [var a, var b] => random.Next(2) == 0 ? (a, b) : Tuple.Create(a, b), [var a, var b, var c] => (a, b, c), _ => (children[0], children[1], children[2], children[3]) };
            case NodeKind.Sequence:
                return random.Next(3) switch { 0 => children, 1 => children.ToList(), _ => children.Select(child => child) };
            case NodeKind.Set:
                return new HashSet<object?>(order.Select(i => children[i]), KeepAll);
            default:
                var map = new Dictionary<string, object?>();
                foreach (var i in order)
                {
                    map[Names[i]] = children[i];
                }

                return map;
        }
    }

    public static bool Same(Node one, Node other)
    {
        if (one.Kind != other.Kind || one.Children.Length != other.Children.Length)
        {
            return false;
        }

        switch (one.Kind)
        {
            case NodeKind.Leaf:
                return SameLeaf(one.Leaf, other.Leaf);
            case NodeKind.Map:
                return one.Names.Zip(one.Children).All(entry => Array.IndexOf(other.Names, entry.First) is >= 0 and var at && Same(entry.Second, other.Children[at]));
            case NodeKind.Set:
                var left = other.Children.ToList();
                return one.Children.All(child => left.FindIndex(found => Same(child, found)) is >= 0 and var at && Remove(left, at));
            default:
                return one.Children.Zip(other.Children).All(pair => Same(pair.First, pair.Second));
        }
    }

    public override string ToString() => Kind switch
    {
        NodeKind.Leaf => $"{Leaf?.GetType().Name} {Leaf}",
        NodeKind.Map => $"Map<{string.Join(", ", Names.Zip(Children, (name, child) => $"{name}: {child}"))}>",
        _ => $"{Kind}<{string.Join(", ", Children.AsEnumerable())}>",
    };

    private static bool Remove(List<Node> nodes, int at)
    {
        nodes.RemoveAt(at);
        return true;
    }

    private static bool SameLeaf(object? one, object? other) => (one, other) switch
    {
        (byte[] a, byte[] b) => a.AsSpan().SequenceEqual(b),
        (double a, double b) => a.Equals(b) && double.IsNegative(a) == double.IsNegative(b),
        (float a, float b) => a.Equals(b) && float.IsNegative(a) == float.IsNegative(b),
        (DateTime a, DateTime b) => a.Equals(b) && a.Kind == b.Kind,
        (DateTimeOffset a, DateTimeOffset b) => a.EqualsExact(b),
        _ when Whole(one) is { } a && Whole(other) is { } b => a == b,
        _ => Equals(one, other),
    };

    private static BigInteger? Whole(object? value) => value switch
    {
        int number => number,
        long number => number,
        short number => number,
        byte number => number,
        uint number => number,
        ulong number => number,
        Int128 number => number,
        BigInteger number => number,
        _ => null,
    };

    private static Gen<Node> OfDepth(int depth) => depth == 0
        ? AnyLeaf
        : Gen.Frequency(
            (2, AnyLeaf),
            (5, from kind in Gen.Elements(NodeKind.Tuple, NodeKind.Sequence, NodeKind.Set, NodeKind.Map)
                from count in Gen.Choose(0, 4)
                from children in OfDepth(depth - 1).ArrayOf(count)
                from name in HostileText.Text
                select new Node(kind, null, children, [.. Enumerable.Range(0, kind == NodeKind.Map ? count : 0).Select(i => i == 0 ? name : $"{(char)('a' + i)}{i}")])));

    private static Gen<Node> Mutated(Node node)
    {
        var here = new List<Gen<Node>>
        {
            AnyLeaf,
            Gen.Constant(new Node(NodeKind.Sequence, null, [node], [])),
            Gen.Constant(new Node(NodeKind.Tuple, null, [node], [])),
            Gen.Constant(OfLeaf(node.Leaf?.ToString())),
            Gen.Constant(OfLeaf(CacheKey.From(node.ToValue(new Random(1))))),
        };
        if (node.Children.Length > 0)
        {
            var inside = from at in Gen.Choose(0, node.Children.Length - 1)
                         from changed in Mutated(node.Children[at])
                         select node with { Children = [.. node.Children.Select((child, i) => i == at ? changed : child)] };
            here.AddRange([inside, inside, inside, inside, inside]);
            here.Add(Gen.Constant(node with { Children = [.. node.Children.Reverse()] }));
            if (node.Kind != NodeKind.Map)
            {
                here.Add(Gen.Elements(NodeKind.Tuple, NodeKind.Sequence, NodeKind.Set).Select(kind => node with { Kind = kind }));
                here.Add(Gen.Constant(node with { Children = [.. node.Children.Skip(1)] }));
            }

            // What is between two texts moves from one to the other.
            if (node.Children is [{ Leaf: string first }, { Leaf: string second }, ..])
            {
                here.Add(from cut in Gen.Choose(0, first.Length)
                         select node with { Children = [OfLeaf(first[..cut]), OfLeaf(first[cut..] + second), .. node.Children.Skip(2)] });
                here.Add(Gen.Constant(node with { Children = [OfLeaf($"{first}','{second}"), .. node.Children.Skip(2)], Names = [.. node.Names.Skip(1)] }));
            }
        }

        return Gen.OneOf(here);
    }
}
