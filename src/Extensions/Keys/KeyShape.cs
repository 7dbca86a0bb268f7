using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Larder.Keys;

/// <summary>How values of one type are written into a key; looked up once per type.</summary>
internal sealed class KeyShape
{
    private static readonly ConditionalWeakTable<Type, KeyShape> Shapes = [];

    private MemberInfo[]? _members;

    private KeyShape(Type type)
    {
        Type = type;
        Name = type.ToString();
        IsAnonymous = type.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false) && type.Name.Contains("AnonymousType", StringComparison.Ordinal);
        Kind = KindOf(type, IsAnonymous);
    }

    /// <summary>What a type is to a key.</summary>
    internal enum ShapeKind
    {
        Refused,
        Object,
        Sequence,
        Set,

        /// <summary>Enumerates pairs.</summary>
        Map,
        Pair,
    }

    public Type Type { get; }

    /// <summary>With namespace and type arguments, without assemblies and their versions.</summary>
    public string Name { get; }

    /// <summary>The name of an anonymous type is the compiler's, and another one in the next build.</summary>
    public bool IsAnonymous { get; }

    public ShapeKind Kind { get; }

    public static KeyShape Of(Type type) => Shapes.GetValue(type, static type => new KeyShape(type));

    /// <summary>The public properties and fields, by name; null where what the value consists of cannot be seen.</summary>
    public MemberInfo[]? Members()
    {
        _members ??= MembersOf(Type);
        return _members.Length == 0 && !IsAnonymous && HasState(Type) ? null : _members;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "An interface named here is kept on every type that is instantiated.")]
    private static ShapeKind KindOf(Type type, bool anonymous)
    {
        if (typeof(Delegate).IsAssignableFrom(type) || typeof(Stream).IsAssignableFrom(type) || typeof(Task).IsAssignableFrom(type)
            || typeof(IQueryable).IsAssignableFrom(type) || type.IsPointer
            || typeof(System.Collections.Specialized.NameObjectCollectionBase).IsAssignableFrom(type))
        {
            return ShapeKind.Refused;
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(KeyValuePair<,>))
        {
            return ShapeKind.Pair;
        }

        var interfaces = type.GetInterfaces().Where(found => found.IsGenericType).Select(found => found.GetGenericTypeDefinition()).ToHashSet();

        // A group would lose its key.
        if (interfaces.Contains(typeof(IAsyncEnumerable<>)) || interfaces.Contains(typeof(IGrouping<,>)) || interfaces.Contains(typeof(ILookup<,>)))
        {
            return ShapeKind.Refused;
        }

        if (interfaces.Contains(typeof(IDictionary<,>)) || interfaces.Contains(typeof(IReadOnlyDictionary<,>)))
        {
            return ShapeKind.Map;
        }

        if (interfaces.Contains(typeof(ISet<>)) || interfaces.Contains(typeof(IReadOnlySet<>)))
        {
            return ShapeKind.Set;
        }

        if (typeof(IEnumerable).IsAssignableFrom(type))
        {
            return ShapeKind.Sequence;
        }

        // What a type of the platform consists of is seldom in its properties; those where it is have been written already.
        return !anonymous && type.Namespace is { } name && (IsWithin(name, "System") || IsWithin(name, "Microsoft")) ? ShapeKind.Refused : ShapeKind.Object;
    }

    private static bool IsWithin(string name, string root) => name.StartsWith(root, StringComparison.Ordinal) && (name.Length == root.Length || name[root.Length] == '.');

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "Only asked for by methods that require unreferenced code.")]
    private static MemberInfo[] MembersOf(Type type)
    {
        var members = new Dictionary<string, MemberInfo>(StringComparer.Ordinal);
        const BindingFlags Public = BindingFlags.Public | BindingFlags.Instance;
        var found = type.GetProperties(Public).Where(property => property.GetMethod is { IsPublic: true } && property.GetIndexParameters().Length == 0)
            .Concat<MemberInfo>(type.GetFields(Public));
        foreach (var member in found)
        {
            // A member that hides another of its name is the one callers see.
            if (!members.TryGetValue(member.Name, out var other) || other.DeclaringType!.IsAssignableFrom(member.DeclaringType))
            {
                members[member.Name] = member;
            }
        }

        return [.. members.Values.OrderBy(member => member.Name, StringComparer.Ordinal)];
    }

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "Only asked for by methods that require unreferenced code.")]
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "Only asked for by methods that require unreferenced code.")]
    private static bool HasState(Type type)
    {
        for (var current = type; current is not null; current = current.BaseType)
        {
            if (current.GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly).Length != 0)
            {
                return true;
            }
        }

        return false;
    }
}
