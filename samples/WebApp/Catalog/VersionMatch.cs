using System.Globalization;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Larder.Samples.WebApp.Catalog;

/// <summary>Versions as entity tags: a write must say which version it replaces, so that no change is lost unseen.</summary>
internal static class VersionMatch
{
    public static string Tag(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    /// <summary>What <c>If-Match</c> demands: a version, or null for any (<c>*</c>). False if it is missing or no version of ours.</summary>
    public static bool TryParse(StringValues ifMatch, out long? version, out (int Status, string Detail) refusal)
    {
        (version, refusal) = (null, default);
        if (StringValues.IsNullOrEmpty(ifMatch))
        {
            refusal = (StatusCodes.Status428PreconditionRequired, "Send If-Match with the ETag of the product you read, or * to replace any version.");
            return false;
        }

        // A weak tag never matches here, as RFC 9110 demands, and a list of tags is nothing that this API ever gave out.
        if (EntityTagHeaderValue.TryParse(ifMatch.ToString(), out var tag) && !tag.IsWeak)
        {
            if (tag == EntityTagHeaderValue.Any)
            {
                return true;
            }

            if (long.TryParse(tag.Tag.AsSpan().Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                version = number;
                return true;
            }
        }

        refusal = (StatusCodes.Status412PreconditionFailed, $"If-Match is {ifMatch}. Send the ETag of the product as you received it, for example \"1\".");
        return false;
    }
}
