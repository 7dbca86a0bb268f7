using System.Reflection;

namespace Larder.Tests;

/// <summary>Stands before an object that has an interface: tells of each call before it is passed on, and answers some itself.</summary>
public class HookedProxy : DispatchProxy
{
    private readonly Dictionary<string, Func<object?[], object?>> _answers = new(StringComparer.Ordinal);
    private object _inner = null!;

    public Action<string, object?[]>? Before { get; set; }

    public static T Around<T>(T inner)
        where T : class
    {
        var proxy = Create<T, HookedProxy>();
        ((HookedProxy)(object)proxy)._inner = inner;
        return proxy;
    }

    /// <summary>Answers all calls of that name.</summary>
    public void Replace(string method, Func<object?[], object?> answer) => _answers[method] = answer;

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var arguments = args ?? [];
        Before?.Invoke(targetMethod!.Name, arguments);
        return _answers.TryGetValue(targetMethod!.Name, out var answer) ? answer(arguments) : targetMethod.Invoke(_inner, args);
    }
}
