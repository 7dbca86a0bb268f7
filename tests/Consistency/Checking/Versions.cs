using System.Globalization;
using System.Runtime.CompilerServices;

namespace Larder.Consistency.Checking;

/// <summary>A value: the versions it was made from, and which write put it there (zero for a load).</summary>
internal struct Versions
{
    public long Write;
    public Dimensions Of;

    public override readonly string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Write};{Of[0]};{Of[1]};{Of[2]};{Of[3]};{Of[4]};{Of[5]};{Of[6]}");

    public static Versions Parse(string text)
    {
        var versions = default(Versions);
        var part = -1;
        foreach (var range in text.AsSpan().Split(';'))
        {
            var number = long.Parse(text.AsSpan(range), CultureInfo.InvariantCulture);
            if (part < 0)
            {
                versions.Write = number;
            }
            else
            {
                versions.Of[part] = number;
            }

            part++;
        }

        return part == Topology.Dimensions ? versions : throw new FormatException($"'{text}' is no value of the checker's.");
    }

    /// <summary>Whether none of the versions is below the other's.</summary>
    public readonly bool IsAtLeast(in Versions other)
    {
        for (var i = 0; i < Topology.Dimensions; i++)
        {
            if (Of[i] < other.Of[i])
            {
                return false;
            }
        }

        return true;
    }

    [InlineArray(Topology.Dimensions)]
    internal struct Dimensions
    {
        private long _first;
    }
}

/// <summary>The same as a mutable type, which the cache has to copy for each caller.</summary>
internal sealed class MutableValue
{
    public string Text { get; set; } = "";
}
