using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>
/// The characters with which the framework separates the parts of its keys. If a part contains one, its key is empty, and all requests of which that is true share one
/// response while it is computed.
/// </summary>
internal static class KeySeparators
{
    private static readonly SearchValues<char> Separators = SearchValues.Create("\u001E\u001F");

    public static bool AreIn(string? text) => text.AsSpan().ContainsAny(Separators);

    /// <summary>Whether they are in anything of a request that may be a part of a key.</summary>
    public static bool AreIn(HttpRequest request)
    {
        if (AreIn(request.Path.Value) || AreIn(request.PathBase.Value) || AreIn(request.Host.Value) || AreIn(request.Method) || AreIn(request.Scheme))
        {
            return true;
        }

        foreach (var (name, values) in request.Query)
        {
            if (AreIn(name) || values.Any(AreIn))
            {
                return true;
            }
        }

        foreach (var (_, values) in request.Headers)
        {
            foreach (var value in values)
            {
                if (AreIn(value))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
