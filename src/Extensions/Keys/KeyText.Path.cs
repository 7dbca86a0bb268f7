using System.Globalization;
using System.Text;

namespace Larder.Keys;

/// <remarks>Where in a value the writer is, so that what has no end is noticed and a refusal can say where it arose.</remarks>
internal sealed partial class KeyText
{
    /// <summary>Deeper nesting is refused.</summary>
    internal const int MaximumDepth = 64;

    private readonly Stack<Step> _steps = new();

    private void Enter(object value)
    {
        if (_steps.Count >= MaximumDepth)
        {
            throw new ArgumentException($"No key can be made: {Path()} is nested deeper than {MaximumDepth} levels.");
        }

        if (!value.GetType().IsValueType)
        {
            var up = _steps.Count;
            foreach (var step in _steps)
            {
                up--;
                if (ReferenceEquals(step.Owner, value))
                {
                    throw new ArgumentException($"No key can be made: {Path()} refers back to {Path(up)}, a {value.GetType()}.");
                }
            }
        }

        _steps.Push(new Step(value));
    }

    private void At(string member) => _steps.Peek().Member = member;

    private void At(int index)
    {
        var step = _steps.Peek();
        (step.Index, step.InValue) = (index, false);
    }

    private ArgumentException Refusal(KeyShape shape, string reason) => new($"No key can be made: {Path()} is a {shape.Name}; {reason}.");

    private string Path(int count = int.MaxValue)
    {
        var path = new StringBuilder("$");
        foreach (var step in _steps.Reverse().Take(count))
        {
            _ = step.Member is { } name ? path.Append('.').Append(name) : path.Append(CultureInfo.InvariantCulture, $"[{step.Index}]{(step.InValue ? ".value" : "")}");
        }

        return path.ToString();
    }

    /// <summary>One level of nesting, and where in it the writer is.</summary>
    private sealed class Step(object owner)
    {
        public object Owner { get; } = owner;

        public string? Member { get; set; }

        public int Index { get; set; }

        /// <summary>In the value of an entry, past its key.</summary>
        public bool InValue { get; set; }
    }
}
