using System.Globalization;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Larder.Http;

/// <summary>
/// The usual text of a route value. <c>{id:int}</c> matches <c>7</c>, <c>007</c> and <c>+7</c> alike, and the endpoint reads the same
/// number from each; a tag made of the raw text would miss two of the three pages.
/// </summary>
internal static class RouteValueText
{
    public static string? Canonical(RoutePatternParameterPart parameter, string? value)
    {
        foreach (var policy in parameter.ParameterPolicies)
        {
            switch (policy.Content)
            {
                case "int" or "long" when long.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number):
                    return number.ToString(CultureInfo.InvariantCulture);
                case "guid" when Guid.TryParse(value, out var guid):
                    return guid.ToString();
            }
        }

        return value;
    }
}
