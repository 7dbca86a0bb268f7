using Larder.Samples.WebApp.Catalog;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.Logging;

namespace Larder.Tests;

/// <summary>The sample, as it is, on a database and a key prefix of its own.</summary>
internal sealed class CatalogHost : WebApplicationFactory<ProductsController>
{
    private readonly IReadOnlyDictionary<string, string> _settings;
    private readonly string _folder;
    private readonly bool _ownsFolder;

    /// <param name="settings">What the environment would say: <c>REDIS_URL</c> and the like.</param>
    /// <param name="sharedWith">Another node whose database and prefix this one shares.</param>
    public CatalogHost(IReadOnlyDictionary<string, string> settings, CatalogHost? sharedWith = null)
    {
        _settings = settings;
        _ownsFolder = sharedWith is null;
        _folder = sharedWith?._folder ?? Directory.CreateTempSubdirectory("larder-webapp-").FullName;
        ClientOptions.AllowAutoRedirect = false;
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        foreach (var (name, value) in CatalogSettings.Of(_folder, _settings))
        {
            builder.UseSetting(name, value);
        }

        builder.ConfigureLogging(logging => logging.ClearProviders());
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_ownsFolder)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}
