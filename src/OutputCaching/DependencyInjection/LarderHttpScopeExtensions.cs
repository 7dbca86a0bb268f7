using Larder;
using Larder.Http;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Gives every request the scope of its tenant.</summary>
public static class LarderHttpScopeExtensions
{
    /// <summary>Says where the tenant and the project of a request stand. <c>app.UseLarderScope()</c> applies it.</summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <param name="configure">The rules, in the order in which they are asked. A later call replaces those of an earlier one.</param>
    /// <exception cref="InvalidOperationException">There is no rule.</exception>
    public static ILarderBuilder AddHttpScope(this ILarderBuilder builder, Action<HttpScopeBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        var scope = new HttpScopeBuilder();
        configure(scope);
        builder.Services.Replace(ServiceDescriptor.Singleton(new HttpScopeResolver(scope.Build())));
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IStartupFilter, ScopeStartupFilter>());
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IStartupFilter, PipelineCheck>());
        return builder;
    }
}
