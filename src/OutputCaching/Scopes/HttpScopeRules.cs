using Larder.Http;
using Microsoft.AspNetCore.Http;

namespace Larder;

/// <summary>
/// Where the name of a tenant or of a project stands in a request. The rules are asked in the order in which they are
/// written; the first that finds a name wins, and an empty name counts as none. A rule that finds several different names
/// (a header that was sent twice) ends the request with status 400, because choosing one would let a client be two tenants.
/// </summary>
/// <typeparam name="TSelf">The builder, so that calls can be chained.</typeparam>
public abstract class HttpScopeRules<TSelf>
    where TSelf : HttpScopeRules<TSelf>
{
    private protected HttpScopeRules()
    {
    }

    internal List<IScopeRule> Rules { get; } = [];

    /// <summary>A route value: <c>FromRoute("tenant")</c> for routes like <c>/t/{tenant}/products</c>.</summary>
    /// <param name="name">The parameter's name in the route template, without braces. Not empty.</param>
    public TSelf FromRoute(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return Add(new RouteRule(name));
    }

    /// <summary>
    /// A request header. <b>Any client can send any value:</b> use it only behind a gateway that sets the header itself and
    /// drops what clients send, or where reading another tenant's data needs no permission.
    /// </summary>
    /// <param name="name">The header's name, for example <c>X-Tenant</c>. Not empty.</param>
    public TSelf FromHeader(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return Add(new HeaderRule(name));
    }

    /// <summary>A claim of the authenticated user; needs <c>UseAuthentication</c> before <c>UseLarderScope</c>.</summary>
    /// <param name="type">The claim's type, for example <c>tid</c>. Not empty.</param>
    public TSelf FromClaim(string type)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(type);
        return Add(new ClaimRule(type));
    }

    /// <summary>
    /// One label of the host name, in lower case. Set the allowed hosts of the application as well (<c>AllowedHosts</c>):
    /// without them any client can send any host.
    /// </summary>
    /// <param name="pattern">The host with <c>{tenant}</c> or <c>{project}</c> once: <c>{tenant}.shop.example</c>.</param>
    /// <exception cref="ArgumentException">The pattern has no such placeholder, or more than one.</exception>
    public TSelf FromHost(string pattern)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(pattern);
        return Add(new HostRule(pattern));
    }

    /// <summary>Code of the application's own.</summary>
    /// <param name="find">Gives the name, or <see langword="null"/> or an empty text where there is none.</param>
    /// <param name="source">What it looks at, as <see cref="IHttpScopeFeature"/> shows it. Default <c>custom</c>.</param>
    public TSelf From(Func<HttpContext, string?> find, string source = "custom")
    {
        ArgumentNullException.ThrowIfNull(find);
        ArgumentException.ThrowIfNullOrWhiteSpace(source);
        return Add(new DelegateRule(find, source));
    }

    private TSelf Add(IScopeRule rule)
    {
        Rules.Add(rule);
        return (TSelf)this;
    }
}
