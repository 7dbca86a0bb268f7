using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Text;
using Larder.Keys;

namespace Larder;

/// <summary>
/// Makes keys from values: the same text for equal content, in every process and culture, whatever the order of properties and of the
/// entries of dictionaries and sets; different texts for different content. See <c>docs/keys.md</c>.
/// </summary>
/// <remarks>
/// A text of more than <see cref="MaximumReadableLength"/> characters becomes <c>sha256'…'</c>, so a result is at most that long; two of
/// these are the same for different content only if SHA-256 collides.
/// </remarks>
public static class CacheKey
{
    /// <summary>Up to this many characters a key stays readable; a longer one is hashed.</summary>
    public const int MaximumReadableLength = 256;

    private const string Reflection = "Reads public properties and fields of plain objects, records and anonymous types. Where these may be trimmed, use FromParts.";

    /// <summary>
    /// The key of a simple value, an enum, a tuple, an anonymous type, a record or plain object (its public properties and fields), a
    /// dictionary, a set or a sequence, and of these within each other.
    /// </summary>
    /// <param name="value">What the key is made from; may be null.</param>
    /// <exception cref="ArgumentException">
    /// Something in it cannot be part of a key (a delegate, stream, task, query, …), refers back to itself, or is too deep or too
    /// large. The message names its type and the path to it.
    /// </exception>
    [RequiresUnreferencedCode(Reflection)]
    public static string From(object? value)
    {
        var writer = KeyText.Rent(readsMembers: true);
        try
        {
            writer.Write(value);
            return writer.ToKey();
        }
        finally
        {
            writer.Return();
        }
    }

    /// <summary>
    /// As <see cref="From"/> of a tuple of these parts, without reading members by reflection: safe where code is trimmed or compiled
    /// ahead of time. Plain objects, records and anonymous types are refused.
    /// </summary>
    /// <param name="parts">Simple values, enums, tuples, dictionaries, sets and sequences.</param>
    /// <exception cref="ArgumentException">A part cannot be part of a key; see <see cref="From"/>.</exception>
    public static string FromParts(params ReadOnlySpan<object?> parts)
    {
        var writer = KeyText.Rent(readsMembers: false);
        try
        {
            writer.WriteTuple(parts);
            return writer.ToKey();
        }
        finally
        {
            writer.Return();
        }
    }

    /// <summary>The key of a call, by a name and its arguments in their order. Arguments that are a <see cref="CancellationToken"/> are left out.</summary>
    /// <param name="name">Tells this call from others, for example <c>nameof(FindAsync)</c>. Not empty.</param>
    /// <param name="arguments">As for <see cref="From"/>.</param>
    /// <exception cref="ArgumentException">The name is empty, or an argument cannot be part of a key; see <see cref="From"/>.</exception>
    [RequiresUnreferencedCode(Reflection)]
    public static string ForCall(string name, params ReadOnlySpan<object?> arguments)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Call("call", name, arguments, []);
    }

    /// <summary>
    /// The key of a call, by its method (with its type, type arguments and parameters, so overloads differ) and its arguments.
    /// Parameters that are a <see cref="CancellationToken"/> are left out, whether or not an argument is given for them.
    /// </summary>
    /// <param name="method">The method that is called.</param>
    /// <param name="arguments">As for <see cref="From"/>, one for each parameter.</param>
    /// <exception cref="ArgumentException">
    /// There are more or fewer arguments than parameters, or one cannot be part of a key; see <see cref="From"/>.
    /// </exception>
    [RequiresUnreferencedCode(Reflection)]
    public static string ForCall(MethodInfo method, params ReadOnlySpan<object?> arguments)
    {
        ArgumentNullException.ThrowIfNull(method);
        var parameters = method.GetParameters();
        var name = new StringBuilder().Append(method.DeclaringType).Append('.').Append(method.Name);
        if (method.IsGenericMethod)
        {
            name.Append('[').AppendJoin(',', method.GetGenericArguments().AsEnumerable()).Append(']');
        }

        name.Append('(').AppendJoin(',', parameters.Select(parameter => parameter.ParameterType)).Append(')');
        var keyed = parameters.Count(parameter => !IsToken(parameter));
        var given = 0;
        foreach (var argument in arguments)
        {
            given += argument is CancellationToken ? 0 : 1;
        }

        if (arguments.Length != parameters.Length && given != keyed)
        {
            throw new ArgumentException($"{name} has {keyed} parameters that are part of a key, and {given} arguments were given.", nameof(arguments));
        }

        return Call("method", name.ToString(), arguments, arguments.Length == parameters.Length ? parameters : []);
    }

    private static string Call(string kind, string name, ReadOnlySpan<object?> arguments, ParameterInfo[] parameters)
    {
        var writer = KeyText.Rent(readsMembers: true);
        try
        {
            writer.WriteTagged(kind, name);
            writer.BeginArguments();
            for (var i = 0; i < arguments.Length; i++)
            {
                // A token that is nullable and null is known by its parameter.
                if (arguments[i] is not CancellationToken && (parameters.Length == 0 || !IsToken(parameters[i])))
                {
                    writer.WriteArgument(i, arguments[i]);
                }
            }

            writer.EndArguments();
            return writer.ToKey();
        }
        finally
        {
            writer.Return();
        }
    }

    private static bool IsToken(ParameterInfo parameter) => parameter.ParameterType == typeof(CancellationToken) || parameter.ParameterType == typeof(CancellationToken?);
}
