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
            // Two identities with ids are two users, of whichever types the ids are.
            var ids = Distinct(Known(user).SelectMany(static identity => IdTypes.Select(type => Claims(identity, type)).FirstOrDefault(static found => found.Length > 0) ?? []));
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

    /// <summary>Whether it is known who asks. An identity of nobody may come first, where a middleware has added its own to what was there.</summary>
    public static bool IsKnown(ClaimsPrincipal? user) =>
        user is not null && (user.Identity?.IsAuthenticated == true || user.Identities.Any(static identity => identity.IsAuthenticated));

    /// <summary>The values of a claim. One means something only together with who has issued it and by which scheme it came. Claims have no order.</summary>
    public static (string? Scheme, string Issuer, string Value)[] Values(ClaimsPrincipal user, string type) => Distinct(Known(user).SelectMany(identity => Claims(identity, type)));

    private static IEnumerable<ClaimsIdentity> Known(ClaimsPrincipal user) => user.Identities.Where(static identity => identity.IsAuthenticated);

    private static (string? Scheme, string Issuer, string Value)[] Claims(ClaimsIdentity identity, string type) =>
        [.. identity.FindAll(type).Where(static claim => claim.Value.Length > 0).Select(claim => (identity.AuthenticationType, claim.Issuer, claim.Value))];

    private static (string? Scheme, string Issuer, string Value)[] Distinct(IEnumerable<(string? Scheme, string Issuer, string Value)> claims) =>
        [.. claims.Distinct()
            .OrderBy(static claim => claim.Scheme, StringComparer.Ordinal).ThenBy(static claim => claim.Issuer, StringComparer.Ordinal).ThenBy(static claim => claim.Value, StringComparer.Ordinal)];

    private static void Add(ref KeyFields fields, (string? Scheme, string Issuer, string Value)[] claims)
    {
        fields.AddNumber(claims.Length);
        foreach (var (scheme, issuer, value) in claims)
        {
            fields.Add(scheme);
            fields.Add(issuer);
            fields.Add(value);
        }
    }
}
