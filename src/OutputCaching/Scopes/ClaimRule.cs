using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>A claim of the authenticated user. Two different values are ambiguous; the same value twice is not.</summary>
internal sealed class ClaimRule(string type) : IScopeRule
{
    public string Source { get; } = $"claim {type}";

    public ScopeAnswer Find(HttpContext context)
    {
        string? found = null;
        foreach (var identity in context.User.Identities)
        {
            if (!identity.IsAuthenticated)
            {
                continue;
            }

            foreach (Claim claim in identity.FindAll(type))
            {
                if (found is not null && found != claim.Value)
                {
                    return ScopeAnswer.Several;
                }

                found = claim.Value;
            }
        }

        return ScopeAnswer.Of(found);
    }
}
