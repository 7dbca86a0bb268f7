namespace Larder.Samples.WebApp.Data;

internal static class CatalogDataExtensions
{
    /// <summary>The database: in <c>App_Data</c>, unless <c>Catalog:Database</c> names another file.</summary>
    public static IServiceCollection AddCatalogData(this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment)
    {
        // Read when first needed, so that whoever hosts the application can still change the configuration.
        services.AddSingleton(_ => new CatalogDatabase(configuration["Catalog:Database"] ?? Path.Combine(environment.ContentRootPath, "App_Data", "catalog.db")));
        services.AddHostedService<CatalogSeeder>();
        return services;
    }
}
