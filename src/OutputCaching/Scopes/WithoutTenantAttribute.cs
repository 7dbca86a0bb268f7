using Larder.Http;

namespace Larder;

/// <summary>The endpoint serves requests without a tenant even where the application or the controller requires one.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method | AttributeTargets.Delegate)]
public sealed class WithoutTenantAttribute : Attribute, ITenantRequirement
{
    int? ITenantRequirement.StatusCodeWithoutTenant => null;
}
