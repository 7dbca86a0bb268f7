using System.Numerics;

namespace Larder.Diagnostics;

/// <summary>A count that many threads raise at once, without handing one cache line around between their cores.</summary>
/// <remarks>
/// It begins as one number, so that what is counted seldom costs 16 bytes. The first time two threads meet there it is spread over one cache line
/// per processor. Each step is atomic, so no count is lost; a sum taken meanwhile holds every count that had ended before it began.
/// </remarks>
internal struct StripedCounter
{
    // Numbers of a cache line.
    private const int Line = 8;
    private static readonly int Mask = (int)BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount) - 1;

    private long _value;
    private long[]? _stripes;

    public readonly long Value
    {
        get
        {
            var sum = Volatile.Read(in _value);
            if (_stripes is { } stripes)
            {
                for (var i = Line; i < stripes.Length; i += Line)
                {
                    sum += Volatile.Read(ref stripes[i]);
                }
            }

            return sum;
        }
    }

    public void Add(long count)
    {
        if (Volatile.Read(ref _stripes) is not { } stripes)
        {
            var seen = Volatile.Read(ref _value);
            if (Interlocked.CompareExchange(ref _value, seen + count, seen) == seen)
            {
                return;
            }

            stripes = Spread();
        }

        // Any processor may be given; should a thread move in between, two meet on a line and nothing is lost. The first line is left to the array's own header.
        Interlocked.Add(ref stripes[((Thread.GetCurrentProcessorId() & Mask) + 1) * Line], count);
    }

    /// <summary>Back to zero; gives what it stood at. What is counted meanwhile is either in the result or still to come.</summary>
    public long Take()
    {
        var sum = Interlocked.Exchange(ref _value, 0);
        if (Volatile.Read(ref _stripes) is { } stripes)
        {
            for (var i = Line; i < stripes.Length; i += Line)
            {
                sum += Interlocked.Exchange(ref stripes[i], 0);
            }
        }

        return sum;
    }

    private long[] Spread()
    {
        var made = new long[(Mask + 2) * Line];
        return Interlocked.CompareExchange(ref _stripes, made, null) ?? made;
    }
}
