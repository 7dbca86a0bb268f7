using System.ComponentModel;
using Larder.Engine;

namespace Larder.Http;

/// <summary>A response as the cache keeps it. The middleware serves <see cref="Content"/> as it is, so nobody may change it.</summary>
/// <param name="content">What the middleware stored (see <see cref="PageContent"/>).</param>
[ImmutableObject(true)]
internal sealed class Page(byte[] content) : IMeasured
{
    /// <summary>What those who waited for a response get when it may not be stored: nothing, each asks for itself.</summary>
    public static readonly Page NotStored = new([]);

    private PageTimes? _times;
    private PageResponse? _response;

    public byte[] Content { get; } = content;

    /// <summary>When the response was stored, in milliseconds since 1970.</summary>
    public long Created { get; init; }

    /// <summary>For how many milliseconds it is fresh.</summary>
    public long Life { get; init; }

    public int Status { get; init; }

    public int Size => Content.Length + PageSerializer.HeadLength;

    /// <summary>The page as it is sent, or null if only the middleware can read it. Found out by the first hit.</summary>
    public PageResponse? Response
    {
        get
        {
            // Two at once may both read it; each is right.
            var known = _response ??= PageResponse.Read(Content, Status, FrameworkInternals.CommonTexts);
            return known == PageResponse.Unreadable ? null : known;
        }
    }

    /// <summary>What the headers of a hit say at this moment: the same text for all hits within a second.</summary>
    public PageTimes TimesAt(long now)
    {
        var age = Math.Max(0, (now - Created) / 1000);
        var left = Created + Life - now;
        left = (left > 0 ? left + 999 : left) / 1000;

        // Two at once may both make one; each is right.
        var known = _times;
        return known is not null && known.Age == age && known.Left == left ? known : _times = new PageTimes(age, left);
    }
}
