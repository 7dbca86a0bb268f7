using System.Reflection;
using System.Runtime.CompilerServices;
using StackExchange.Redis;
using Xunit.Abstractions;

namespace Larder.PipelinesSockets.Tests.Binding;

/// <summary>
/// Compiles every method of StackExchange.Redis: what a signature or a layout breaks shows here, and not in the middle of
/// somebody's reconnect. Interfaces of structs are only missed when the call runs; <see cref="MemberReferenceTests"/> has those.
/// </summary>
public sealed class JitTests(ITestOutputHelper output)
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private const string LeftOut = "System.IO.Hashing";

    [Fact]
    public void Every_method_of_StackExchange_Redis_compiles()
    {
        int compiled = 0, digests = 0;
        List<string> open = [], failures = [];
        foreach (var method in MethodsWithBody(typeof(ConnectionMultiplexer).Assembly))
        {
            if (!TryInstantiate(method, out var arguments))
            {
                open.Add(Name(method));
                continue;
            }

            try
            {
                RuntimeHelpers.PrepareMethod(method.MethodHandle, arguments);
                compiled++;
            }
            catch (FileNotFoundException exception) when (exception.FileName?.StartsWith(LeftOut, StringComparison.Ordinal) == true)
            {
                digests++;
            }
            catch (Exception exception)
            {
                failures.Add($"{Name(method)}: {exception.GetType().Name} {exception.Message}");
            }
        }

        output.WriteLine($"{compiled} compiled, {digests} need {LeftOut}, {open.Count} without a type to instantiate them with:");
        output.WriteLine(string.Join(Environment.NewLine, open));
        Assert.Empty(failures);
        Assert.True(compiled > 5000, $"only {compiled} methods were found");
        Assert.True(digests <= 10, $"{digests} methods need {LeftOut}: more than the digests");
        Assert.True(open.Count <= 2, $"{open.Count} generic methods were left out");
    }

    private static IEnumerable<MethodBase> MethodsWithBody(Assembly assembly)
        => from type in assembly.GetTypes()
           from method in type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared))
           where !method.IsAbstract && (method.GetMethodImplementationFlags() & MethodImplAttributes.CodeTypeMask) == MethodImplAttributes.IL
               && (method.Attributes & MethodAttributes.PinvokeImpl) == 0
           select method;

    private static bool TryInstantiate(MethodBase method, out RuntimeTypeHandle[] arguments)
    {
        Type[] ofType = method.DeclaringType!.GetGenericArguments(), ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : [];
        Type[] forType = [.. ofType.Select(Suitable)], forMethod = [.. ofMethod.Select(Suitable)];
        arguments = [.. forType.Concat(forMethod).Select(type => type.TypeHandle)];
        try
        {
            // Making the types checks the constraints, which preparing the method would not report clearly.
            _ = forType.Length == 0 ? null : method.DeclaringType.MakeGenericType(forType);
            _ = forMethod.Length == 0 ? null : ((MethodInfo)method).MakeGenericMethod(forMethod);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    // One constraint satisfies itself; for several a class of the assembly is looked for. Reference types share their code.
    private static Type Suitable(Type parameter)
    {
        var constraints = parameter.GetGenericParameterConstraints().Where(type => type != typeof(ValueType) && !type.ContainsGenericParameters).ToList();
        var isStruct = (parameter.GenericParameterAttributes & GenericParameterAttributes.NotNullableValueTypeConstraint) != 0;
        return constraints switch
        {
            [var one] when one == typeof(Enum) => typeof(DayOfWeek),
            _ when isStruct => typeof(int),
            [] => typeof(EventArgs),
            [var one] => one,
            _ => parameter.Module.Assembly.GetTypes().First(type => !type.IsGenericType && constraints.TrueForAll(constraint => constraint.IsAssignableFrom(type))),
        };
    }

    private static string Name(MethodBase method) => $"{method.DeclaringType}.{method}";
}
