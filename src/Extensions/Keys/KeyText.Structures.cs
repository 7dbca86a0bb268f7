using System.Buffers;
using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Larder.Keys;

/// <remarks>Values that consist of others.</remarks>
internal sealed partial class KeyText
{
    private static readonly SearchValues<char> Identifier = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    private void WriteStructure(object value)
    {
        if (value is ITuple tuple && value.GetType().Namespace == "System")
        {
            Enter(value);
            Append("(");
            for (var i = 0; i < tuple.Length; i++)
            {
                At(i);
                Separate(i);
                Write(tuple[i]);
            }

            Append(")");
            _steps.Pop();
            return;
        }

        var shape = KeyShape.Of(value.GetType());
        switch (shape.Kind)
        {
            case KeyShape.ShapeKind.Refused:
                throw Refusal(shape, "it cannot be part of a key");
            case KeyShape.ShapeKind.Pair:
                Enter(value);
                var (key, pairValue) = Pair(value);
                Append("pair(");
                WriteEntry(key, pairValue);
                Append(")");
                break;
            case KeyShape.ShapeKind.Set:
                Enter(value);
                WriteUnordered("set(", (IEnumerable)value, static (writer, item) => writer.Write(item));
                break;
            case var _ when value is IDictionary dictionary:
                Enter(value);
                WriteUnordered("map(", Entries(dictionary), static (writer, item) =>
                {
                    var entry = (DictionaryEntry)item!;
                    writer.WriteEntry(entry.Key, entry.Value);
                });
                break;
            case KeyShape.ShapeKind.Map:
                Enter(value);
                WriteUnordered("map(", (IEnumerable)value, static (writer, item) =>
                {
                    var (key, value) = Pair(item!);
                    writer.WriteEntry(key, value);
                });
                break;
            case KeyShape.ShapeKind.Sequence:
                Enter(value);
                WriteSequence((IEnumerable)value);
                break;
            default:
                WriteMembers(value, shape);
                return;
        }

        _steps.Pop();
    }

    private void WriteSequence(IEnumerable items)
    {
        if (items is Array { Rank: > 1 } array)
        {
            Append("array(");
            for (var i = 0; i < array.Rank; i++)
            {
                Separate(i);
                Format(array.GetLength(i));
            }

            Append(")");
        }

        Append("[");
        var index = 0;
        foreach (var item in items)
        {
            At(index);
            Separate(index++);
            Write(item);
        }

        Append("]");
    }

    private void WriteEntry(object? key, object? value)
    {
        Write(key);
        _steps.Peek().InValue = true;
        Append("=");
        Write(value);
    }

    // What has no order is written in the order of what was written, compared by code units.
    private void WriteUnordered(string open, IEnumerable items, Action<KeyText, object?> write)
    {
        Append(open);
        var start = _length;
        var ends = new List<int>();
        foreach (var item in items)
        {
            At(ends.Count);
            write(this, item);
            ends.Add(_length);
        }

        if (ends.Count != 0)
        {
            var written = _buffer.AsSpan(start, _length - start).ToString();
            var parts = new ReadOnlyMemory<char>[ends.Count];
            for (var i = 0; i < parts.Length; i++)
            {
                var from = i == 0 ? 0 : ends[i - 1] - start;
                parts[i] = written.AsMemory(from, ends[i] - start - from);
            }

            Array.Sort(parts, static (one, other) => one.Span.SequenceCompareTo(other.Span));
            _length = start;
            for (var i = 0; i < parts.Length; i++)
            {
                Separate(i);
                Append(parts[i].Span);
            }
        }

        Append(")");
    }

    private void WriteMembers(object value, KeyShape shape)
    {
        if (!_readsMembers)
        {
            throw Refusal(shape, "FromParts reads no members; give its parts, or use From");
        }

        var members = shape.Members() ?? throw Refusal(shape, "it has no public properties or fields to make a key from");
        Enter(value);
        if (shape.IsAnonymous)
        {
            Append("new");
        }
        else
        {
            WriteTagged("obj", shape.Name);
        }

        Append("(");
        for (var i = 0; i < members.Length; i++)
        {
            var name = members[i].Name;
            At(name);
            Separate(i);
            if (name.AsSpan().ContainsAnyExcept(Identifier))
            {
                AppendText(name);
            }
            else
            {
                Append(name);
            }

            Append("=");
            Write(Read(members[i], value));
        }

        Append(")");
        _steps.Pop();
    }

    private object? Read(MemberInfo member, object value)
    {
        try
        {
            return member is PropertyInfo property ? property.GetValue(value) : ((FieldInfo)member).GetValue(value);
        }
        catch (Exception exception) when (exception is TargetInvocationException or NotSupportedException)
        {
            var cause = exception.InnerException ?? exception;
            throw new ArgumentException($"No key can be made: {Path()} could not be read: {cause.GetType()}: {cause.Message}", cause);
        }
    }

    [DynamicDependency(DynamicallyAccessedMemberTypes.PublicProperties, typeof(KeyValuePair<,>))]
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "The properties of a pair are kept by the attribute above.")]
    private static (object? Key, object? Value) Pair(object pair) =>
        (pair.GetType().GetProperty("Key")!.GetValue(pair), pair.GetType().GetProperty("Value")!.GetValue(pair));

    private static IEnumerable<object> Entries(IDictionary dictionary)
    {
        // As an IEnumerable it may well enumerate pairs.
        var entries = dictionary.GetEnumerator();
        while (entries.MoveNext())
        {
            yield return entries.Entry;
        }
    }
}
