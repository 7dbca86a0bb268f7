namespace Larder.Http;

/// <summary>Endpoint metadata: what a request without a tenant gets. The last one counts, so an action overrules its controller.</summary>
internal interface ITenantRequirement
{
    /// <summary>The status, or null if the endpoint serves such requests.</summary>
    int? StatusCodeWithoutTenant { get; }
}
