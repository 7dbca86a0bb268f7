using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;

namespace Larder.Http;

/// <summary>
/// Requests under way, each by a key that the middleware hands to the store. A key is given once: it leads to its request until that has withdrawn it, and nowhere afterwards.
/// </summary>
/// <remarks>
/// A table of slots, because a request has its ticket for a microsecond or so and a dictionary would allocate for it. A ticket names its slot; where that is taken, the
/// dictionary holds the request. A slot is taken and left by comparison, and the number in the request says whose it is now, so an old ticket finds nothing.
/// </remarks>
internal sealed class PageTickets
{
    private const int SlotBits = 10;
    private const int NumberLength = 16;

    private readonly PageFeature?[] _slots = new PageFeature?[1 << SlotBits];
    private readonly ConcurrentDictionary<long, PageFeature> _others = new();

    // A path may hold any text. Nobody outside of this process knows this one, so nobody can write another's ticket.
    private readonly string _mark = "larder:" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
    private long _last;

    /// <summary>How many are held.</summary>
    public int Count => _slots.Count(static slot => slot is not null) + _others.Count;

    /// <summary>Notes a request until it is withdrawn. It must have no ticket yet.</summary>
    public void Issue(PageFeature request)
    {
        var ticket = request.Ticket = Interlocked.Increment(ref _last);
        if (Interlocked.CompareExchange(ref Slot(ticket), request, null) is not null)
        {
            _others[ticket] = request;
        }
    }

    public void Withdraw(PageFeature request)
    {
        if (request.Ticket is not 0 and var ticket)
        {
            if (Interlocked.CompareExchange(ref Slot(ticket), null, request) != request)
            {
                _others.TryRemove(ticket, out _);
            }

            request.Ticket = 0;
        }
    }

    public string KeyOf(long ticket) => string.Create(_mark.Length + NumberLength, (_mark, ticket), static (text, state) =>
    {
        state._mark.CopyTo(text);
        Span<byte> number = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(number, state.ticket);
        _ = Convert.TryToHexStringLower(number, text[state._mark.Length..], out _);
    });

    /// <summary>Whether there is a ticket in the key; the framework puts more around what it was given.</summary>
    /// <param name="key">The key.</param>
    /// <param name="request">Whose it is; null if the request has ended.</param>
    public bool IsTicket(ReadOnlySpan<char> key, out PageFeature? request)
    {
        request = null;
        var at = key.IndexOf(_mark);
        if (at < 0)
        {
            return false;
        }

        var rest = key[(at + _mark.Length)..];
        if (rest.Length >= NumberLength && long.TryParse(rest[..NumberLength], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var ticket))
        {
            request = Volatile.Read(ref Slot(ticket)) is { } there && there.Ticket == ticket ? there : _others.GetValueOrDefault(ticket);
        }

        return true;
    }

    // Requests at once take slots that lie apart, or cores would fight for one line of their caches.
    private ref PageFeature? Slot(long ticket) => ref _slots[(int)((ticket << 3) | ((ticket >> (SlotBits - 3)) & 7)) & ((1 << SlotBits) - 1)];
}
