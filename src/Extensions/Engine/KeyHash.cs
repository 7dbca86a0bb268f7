using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Larder.Engine;

/// <summary>
/// The hash of a key in the memory level: multiply and fold, sixteen bytes a step, with secrets drawn per process.
/// </summary>
/// <remarks>
/// The construction is that of wyhash (Wang Yi, 2019, public domain): the 128-bit product of two words that were mixed with
/// secrets, folded by exclusive or. Callers who do not know the secrets cannot aim for collisions; equality is always checked on the
/// characters, so a collision costs time and nothing else.
/// </remarks>
internal static class KeyHash
{
    private static readonly ulong Secret0 = RandomOdd();
    private static readonly ulong Secret1 = RandomOdd();
    private static readonly ulong Secret2 = RandomOdd();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute(ReadOnlySpan<char> text, ulong seed)
    {
        ref var start = ref Unsafe.As<char, byte>(ref MemoryMarshal.GetReference(text));
        var length = (nuint)text.Length * 2;
        var hash = seed ^ Secret0;
        nuint offset = 0;
        if (length > 16)
        {
            do
            {
                hash = Fold(Read64(ref start, offset) ^ Secret1, Read64(ref start, offset + 8) ^ hash);
                offset += 16;
            }
            while (offset + 16 < length);

            // The last sixteen bytes, overlapping the ones before where the length is no multiple.
            offset = length - 16;
            return Fold(Fold(Read64(ref start, offset) ^ Secret1, Read64(ref start, offset + 8) ^ hash) ^ Secret2, length ^ Secret1);
        }

        ulong low;
        ulong high;
        if (length >= 8)
        {
            low = Read64(ref start, 0);
            high = Read64(ref start, length - 8);
        }
        else if (length >= 4)
        {
            low = Unsafe.ReadUnaligned<uint>(ref start);
            high = Unsafe.ReadUnaligned<uint>(ref Unsafe.AddByteOffset(ref start, length - 4));
        }
        else
        {
            low = length == 0 ? 0UL : Unsafe.ReadUnaligned<ushort>(ref start);
            high = 0;
        }

        return Fold(Fold(low ^ Secret1, high ^ hash) ^ Secret2, length ^ Secret1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Read64(ref byte start, nuint offset) => Unsafe.ReadUnaligned<ulong>(ref Unsafe.AddByteOffset(ref start, offset));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Fold(ulong a, ulong b)
    {
        var high = Math.BigMul(a, b, out var low);
        return high ^ low;
    }

    private static ulong RandomOdd() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) | 1;
}
