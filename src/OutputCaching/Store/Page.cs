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

    public byte[] Content { get; } = content;

    /// <summary>When the response was stored, in milliseconds since 1970.</summary>
    public long Created { get; init; }

    /// <summary>For how many milliseconds it is fresh.</summary>
    public long Life { get; init; }

    public int Status { get; init; }

    public int Size => Content.Length + PageSerializer.HeadLength;

    /// <summary>Milliseconds that are left at <paramref name="now"/>, negative for a stale page.</summary>
    public long Left(long now) => Created + Life - now;

    public long AgeSeconds(long now) => Math.Max(0, (now - Created) / 1000);
}
