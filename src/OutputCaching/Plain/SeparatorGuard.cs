using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;

namespace Larder.Http;

/// <summary>
/// Takes the framework's own policies away from requests for which they would make the empty key. An endpoint's policy runs after all others, so none of these can
/// stop it; routing can give the request the same endpoint without it.
/// </summary>
internal sealed class SeparatorGuard : MatcherPolicy, IEndpointSelectorPolicy
{
    private readonly ConditionalWeakTable<Endpoint, Endpoint> _bare = [];

    // After those that choose among endpoints.
    public override int Order => int.MaxValue;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => endpoints.Any(HasPlainPolicy);

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        if (KeySeparators.AreIn(httpContext.Request))
        {
            for (var i = 0; i < candidates.Count; i++)
            {
                if (candidates.IsValidCandidate(i) && candidates[i] is { Endpoint: RouteEndpoint endpoint } candidate && HasPlainPolicy(endpoint))
                {
                    candidates.ReplaceEndpoint(i, _bare.GetValue(endpoint, static endpoint => WithoutPolicies((RouteEndpoint)endpoint)), candidate.Values);
                }
            }
        }

        return Task.CompletedTask;
    }

    private static bool HasPlainPolicy(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<IOutputCachePolicy>() is not (null or CacheRouteAttribute) || endpoint.Metadata.GetMetadata<OutputCacheAttribute>() is not null;

    private static RouteEndpoint WithoutPolicies(RouteEndpoint endpoint) => new(
        endpoint.RequestDelegate!,
        endpoint.RoutePattern,
        endpoint.Order,
        new EndpointMetadataCollection(endpoint.Metadata.Where(static item => item is not (IOutputCachePolicy or OutputCacheAttribute))),
        endpoint.DisplayName);
}
