using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Larder.Engine;

/// <summary>Random 64-bit numbers other than zero, for entries, stamps and lease tokens.</summary>
internal static class RandomId
{
    public static long Next()
    {
        long id = 0;
        while (id == 0)
        {
            RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(new Span<long>(ref id)));
        }

        return id;
    }
}
