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

    /// <summary>
    /// Declares five namespaces that many applications need: <c>confirmation</c> (entries live for 5 minutes), <c>signup</c> (30 minutes), <c>session</c> (24 hours),
    /// <c>rate_limit</c> (1 hour) and <c>temp</c> (1 minute). What the application itself says about one of them, anywhere, wins.
    /// </summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    public static ILarderBuilder AddPredefinedNamespaces(this ILarderBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);

        // After everything else has been said, the environment included.
        builder.Services.PostConfigure<LarderOptions>(static options =>
        {
            foreach (var (name, seconds) in Predefined)
            {
                if (!options.Namespaces.TryGetValue(name, out var forNamespace))
                {
                    options.Namespaces[name] = forNamespace = new NamespaceOptions();
                }

                forNamespace.DefaultExpiration ??= TimeSpan.FromSeconds(seconds);
            }
        });
        return builder;
    }

    private static IEnumerable<(string Name, int Seconds)> Predefined => [("confirmation", 300), ("signup", 1_800), ("session", 86_400), ("rate_limit", 3_600), ("temp", 60)];
}
