using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>Who asks, as a part of the key.</summary>
internal static class UserKey
{
    /// <summary>Why a request is not cached whose user is not known, as <c>Cache-Status</c> shows it.</summary>
    public const string Missing = "no-user";

    private static readonly string[] IdTypes = [ClaimTypes.NameIdentifier, "sub"];

    /// <summary>Adds what the route varies by. False if something of it is missing, or if there are two users.</summary>
    public static bool TryAdd(ref KeyFields fields, HttpContext context, RouteTerms route)
    {
        fields.AddNumber(route.VaryByUser ? 1 : 0);
        fields.AddNumber(route.VaryByClaims.Length);
        if (!route.IsForUser)
        {
            // Asked for a user, a request that has none makes one.
            return true;
        }

        fields.Hide();
        var user = context.User;
        if (route.VaryByUser)
        {
            var ids = IdTypes.Select(type => Values(user, type)).FirstOrDefault(found => found.Length > 0) ?? [];
            if (ids.Length != 1)
            {
                return false;
            }

            Add(ref fields, ids);
        }

        foreach (var type in route.VaryByClaims)
        {
            var values = Values(user, type);
            if (values.Length == 0)
            {
                return false;
            }

            fields.Add(type);
            Add(ref fields, values);
        }

        return true;
    }

    // A value means something only together with who has issued it. Claims have no order.
    public static (string Issuer, string Value)[] Values(ClaimsPrincipal user, string type) =>
        [.. user.Identities.Where(identity => identity.IsAuthenticated)
            .SelectMany(identity => identity.FindAll(type))
            .Where(claim => claim.Value.Length > 0)
            .Select(claim => (claim.Issuer, claim.Value))
            .Distinct()
            .OrderBy(claim => claim.Issuer, StringComparer.Ordinal).ThenBy(claim => claim.Value, StringComparer.Ordinal)];

    private static void Add(ref KeyFields fields, (string Issuer, string Value)[] claims)
    {
        fields.AddNumber(claims.Length);
        foreach (var (issuer, value) in claims)
        {
            fields.Add(issuer);
            fields.Add(value);
        }
    }
}
