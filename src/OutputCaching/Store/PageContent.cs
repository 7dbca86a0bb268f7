using System.Buffers;

namespace Larder.Http;

/// <summary>
/// The bytes in which the middleware keeps a response: a revision, the moment of its making (ticks and offset), status, headers and body, where
/// numbers are written seven bits a byte.
/// </summary>
/// <remarks>
/// The middleware does not serve a response that by its own clock was made this very moment or later. A node whose clock is behind another's would
/// therefore have no hits on that node's pages until it has caught up. Freshness is the engine's business, so the moment is set to the
/// beginning of time here, and <c>Age</c> is written by <see cref="CacheStatus"/>.
/// </remarks>
internal static class PageContent
{
    private const long KnownRevision = 2;

    // Revision, two numbers that are zero, and the status, which always takes two bytes.
    private const int HeadLength = 5;

    /// <summary>A copy, because what the middleware gives is pooled memory.</summary>
    /// <param name="response">What the middleware gives.</param>
    /// <param name="status">The status with which the response was sent. The middleware has noted the one at the first write, after which it may have changed.</param>
    public static byte[] Copy(in ReadOnlySequence<byte> response, int status)
    {
        var reader = new SequenceReader<byte>(response);
        if (!TryRead(ref reader, out var revision) || revision != KnownRevision || !TryRead(ref reader, out _) || !TryRead(ref reader, out _) || !TryRead(ref reader, out _))
        {
            // A later framework's. It is served as that framework sees fit.
            return response.ToArray();
        }

        var rest = reader.UnreadSequence;
        var copy = new byte[HeadLength + rest.Length];
        copy[0] = (byte)KnownRevision;
        copy[3] = (byte)(status | 0x80);
        copy[4] = (byte)(status >> 7);
        rest.CopyTo(copy.AsSpan(HeadLength));
        return copy;
    }

    /// <summary>Whether the middleware of this process understands it, so that it is sure to serve it.</summary>
    public static bool IsKnown(byte[] content) => content is [(byte)KnownRevision, ..];

    private static bool TryRead(ref SequenceReader<byte> reader, out long value)
    {
        value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (!reader.TryRead(out var part))
            {
                return false;
            }

            value |= (long)(part & 0x7F) << shift;
            if (part < 0x80)
            {
                return true;
            }
        }

        return false;
    }
}
