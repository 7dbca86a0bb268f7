namespace Larder;

/// <summary>Where the project of a request stands; see <see cref="HttpScopeBuilder.Project"/>.</summary>
public sealed class HttpProjectBuilder : HttpScopeRules<HttpProjectBuilder>
{
    internal HttpProjectBuilder()
    {
    }
}
