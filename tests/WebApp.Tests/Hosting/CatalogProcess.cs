using System.Text.RegularExpressions;
using Larder.Samples.WebApp.Catalog;
using Larder.Tests.Shared;

namespace Larder.Tests;

/// <summary>The sample in a process of its own, as a user would start it.</summary>
internal sealed partial class CatalogProcess : IAsyncDisposable
{
    private readonly KeptProcess _process;
    private readonly string _folder;

    private CatalogProcess(KeptProcess process, string folder, Uri address)
    {
        (_process, _folder) = (process, folder);
        Client = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = address };
    }

    public HttpClient Client { get; }

    /// <param name="shared">The folder of the database, which several may share, and which gives their keys a prefix.</param>
    /// <param name="settings">What the environment would say.</param>
    public static async Task<CatalogProcess> StartAsync(string shared, IReadOnlyDictionary<string, string> settings)
    {
        var folder = Directory.CreateTempSubdirectory("larder-webapp-").FullName;
        var sample = typeof(ProductsController).Assembly.Location;
        var process = await KeptProcess.StartAsync(folder,
        [
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", "exec", sample,
            "--urls", "http://127.0.0.1:0", "--contentRoot", Path.GetDirectoryName(sample)!, "--Logging:LogLevel:Microsoft.Hosting.Lifetime", "Information",
            .. CatalogSettings.Of(shared, settings).Select(setting => $"--{setting.Key}={setting.Value}"),
        ]);
        try
        {
            var address = "";
            await Poll.UntilAsync(() =>
            {
                if (!process.IsRunning)
                {
                    throw new ServerFailedException($"The sample ended before it listened.{Environment.NewLine}{process.Log}");
                }

                address = Listening().Match(process.Log).Groups[1].Value;
                return address.Length > 0;
            }, "the sample listens");
            return new CatalogProcess(process, folder, new Uri(address));
        }
        catch
        {
            await EndAsync(process, folder);
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        Client.Dispose();
        return EndAsync(_process, _folder);
    }

    private static async ValueTask EndAsync(KeptProcess process, string folder)
    {
        await process.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    // To the end of the line, which may be being written.
    [GeneratedRegex(@"Now listening on: (http://\S+)\s")]
    private static partial Regex Listening();
}
