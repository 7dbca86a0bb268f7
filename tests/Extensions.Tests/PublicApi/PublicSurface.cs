using System.Reflection;
using System.Text;

namespace Larder.Tests.PublicApi;

/// <summary>The public API of an assembly as sorted lines of text, one per type or member.</summary>
internal static class PublicSurface
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext Nullability = new();

    public static string[] Of(Assembly assembly) =>
        [.. assembly.GetExportedTypes().SelectMany(LinesOf).Order(StringComparer.Ordinal)];

    private static IEnumerable<string> LinesOf(Type type)
    {
        yield return Describe(type);
        if (type.IsEnum)
        {
            foreach (var value in Enum.GetValues(type))
            {
                yield return $"{NameOf(type)}.{value} = {Convert.ToInt64(value, null)}";
            }

            yield break;
        }

        if (typeof(Delegate).IsAssignableFrom(type))
        {
            yield break;
        }

        foreach (var member in type.GetMembers(Declared).Where(IsVisible))
        {
            if (Describe(member) is { } line)
            {
                yield return $"{NameOf(type)}.{line}";
            }
        }
    }

    private static bool IsVisible(MemberInfo member) => member switch
    {
        MethodBase method => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly,
        FieldInfo field => field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly,
        PropertyInfo property => property.GetAccessors(nonPublic: true).Any(IsVisible),
        EventInfo @event => IsVisible(@event.AddMethod!),
        _ => false,
    };

    private static string Describe(Type type)
    {
        var kind = type.IsEnum ? "enum"
            : typeof(Delegate).IsAssignableFrom(type) ? "delegate"
            : type.IsInterface ? "interface"
            : type.IsValueType ? "struct"
            : type is { IsAbstract: true, IsSealed: true } ? "static class"
            : type.IsAbstract ? "abstract class"
            : type.IsSealed ? "sealed class"
            : "class";
        var bases = new[] { type.BaseType }.Where(@base => @base is not null && @base != typeof(object) && @base != typeof(ValueType) && @base != typeof(Enum) && @base != typeof(MulticastDelegate))
            .Concat(type.GetInterfaces().Where(contract => contract.IsVisible && !type.IsEnum).OrderBy(NameOf, StringComparer.Ordinal))
            .Select(@base => NameOf(@base!)).ToArray();
        var invoke = typeof(Delegate).IsAssignableFrom(type) ? Parameters(type.GetMethod("Invoke")!) + " -> " + NameOf(type.GetMethod("Invoke")!.ReturnType) : "";
        return $"{NameOf(type)}{invoke} : {kind}{(bases.Length == 0 || invoke.Length != 0 ? "" : ", " + string.Join(", ", bases))}";
    }

    private static string? Describe(MemberInfo member) => member switch
    {
        ConstructorInfo constructor when !constructor.IsStatic => $"new{Parameters(constructor)}",
        MethodInfo { IsSpecialName: false } or MethodInfo { Name: "op_Equality" or "op_Inequality" or "op_Implicit" or "op_Explicit" } => Method((MethodInfo)member),
        PropertyInfo property => $"{property.Name}{Accessors(property)} -> {Annotated(property.PropertyType, Nullability.Create(property))}{Modifiers(property.GetAccessors(true)[0])}",
        FieldInfo { IsLiteral: true } field => $"{field.Name} = {field.GetRawConstantValue()} -> {NameOf(field.FieldType)}",
        FieldInfo field => $"{field.Name} -> {Annotated(field.FieldType, Nullability.Create(field))}{(field.IsStatic ? " static" : "")}",
        EventInfo @event => $"{@event.Name} event -> {NameOf(@event.EventHandlerType!)}",
        _ => null,
    };

    private static string Method(MethodInfo method) =>
        $"{method.Name}{Generics(method.GetGenericArguments())}{Parameters(method)} -> {Annotated(method.ReturnType, Nullability.Create(method.ReturnParameter))}{Modifiers(method)}";

    private static string Modifiers(MethodBase method) =>
        (method.IsStatic ? " static" : method.IsAbstract ? " abstract" : method.IsVirtual && !method.IsFinal ? " virtual" : "") + (method.IsPublic ? "" : " protected");

    private static string Accessors(PropertyInfo property)
    {
        var setter = property.SetMethod is { } set && IsVisible(set)
            ? set.ReturnParameter.GetRequiredCustomModifiers().Any(modifier => modifier.Name == "IsExternalInit") ? " init;" : " set;"
            : "";
        return $" {{{(property.GetMethod is { } get && IsVisible(get) ? " get;" : "")}{setter} }}";
    }

    private static string Parameters(MethodBase method) => "(" + string.Join(", ", method.GetParameters().Select(parameter =>
        (parameter.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "")
        + (parameter.IsOut ? "out " : parameter.ParameterType.IsByRef ? (parameter.IsIn ? "in " : "ref ") : "")
        + Annotated(parameter.ParameterType, Nullability.Create(parameter)) + " " + parameter.Name
        + (parameter.HasDefaultValue ? $" = {parameter.RawDefaultValue ?? (parameter.ParameterType.IsValueType ? "default" : "null")}" : ""))) + ")";

    private static string Annotated(Type type, NullabilityInfo nullability)
    {
        var name = NameOf(type.IsByRef ? type.GetElementType()! : type, nullability.GenericTypeArguments);
        return !type.IsValueType && nullability.ReadState == NullabilityState.Nullable ? name + "?" : name;
    }

    private static string NameOf(Type type) => NameOf(type, []);

    private static string NameOf(Type type, NullabilityInfo[] arguments)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return NameOf(underlying) + "?";
        }

        if (type.IsGenericParameter)
        {
            return type.Name;
        }

        if (type.IsArray)
        {
            return NameOf(type.GetElementType()!) + "[]";
        }

        var text = new StringBuilder(type.IsNested ? NameOf(type.DeclaringType!) + "." : type.Namespace + ".");
        text.Append(type.Name.Split('`')[0]);
        var own = type.GetGenericArguments().Skip(type.DeclaringType?.GetGenericArguments().Length ?? 0).ToArray();
        if (own.Length != 0)
        {
            text.Append('<').AppendJoin(", ", own.Select((argument, i) => i < arguments.Length ? Annotated(argument, arguments[i]) : NameOf(argument))).Append('>');
        }

        return text.ToString();
    }

    private static string Generics(Type[] arguments) => arguments.Length == 0 ? "" : $"<{string.Join(", ", arguments.Select(argument => argument.Name))}>";
}
