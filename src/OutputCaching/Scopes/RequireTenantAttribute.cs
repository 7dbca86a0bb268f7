using Larder.Http;
using Microsoft.AspNetCore.Http;

namespace Larder;

/// <summary>
/// The endpoint serves only requests with a tenant. Others get a problem document and reach neither the endpoint nor a
/// cache. On an action it overrules what stands on the controller. Needs <c>UseLarderScope</c>.
/// </summary>
/// <param name="statusCode">What a request without a tenant gets: 400 (default) or 404.</param>
/// <exception cref="ArgumentOutOfRangeException"><paramref name="statusCode"/> is neither.</exception>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method | AttributeTargets.Delegate)]
public sealed class RequireTenantAttribute(int statusCode = StatusCodes.Status400BadRequest) : Attribute, ITenantRequirement
{
    /// <summary>What a request without a tenant gets: 400 or 404.</summary>
    public int StatusCode { get; } = Checked(statusCode);

    int? ITenantRequirement.StatusCodeWithoutTenant => StatusCode;

    internal static int Checked(int statusCode) => statusCode is StatusCodes.Status400BadRequest or StatusCodes.Status404NotFound
        ? statusCode
        : throw new ArgumentOutOfRangeException(nameof(statusCode), statusCode, "A request without a tenant can be answered with 400 or 404.");
}
