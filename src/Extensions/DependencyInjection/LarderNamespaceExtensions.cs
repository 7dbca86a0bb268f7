using Larder;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Declares namespaces and their defaults.</summary>
public static class LarderNamespaceExtensions
{
    /// <summary>Sets the defaults of a namespace, for example how long its entries live.</summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <param name="name">The namespace, compared ordinally. Not empty.</param>
    /// <param name="configure">Its settings.</param>
    public static ILarderBuilder AddNamespace(this ILarderBuilder builder, string name, Action<NamespaceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        builder.Services.Configure<LarderOptions>(options =>
        {
            if (!options.Namespaces.TryGetValue(name, out var forNamespace))
            {
                options.Namespaces[name] = forNamespace = new NamespaceOptions();
            }

            configure?.Invoke(forNamespace);
        });
        return builder;
    }
}
