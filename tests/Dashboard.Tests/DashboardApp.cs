using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Larder.Tests;

/// <summary>An application on a port of its own, with a cache and what a test maps. Whoever sends <c>X-User</c> has logged in.</summary>
internal sealed class DashboardApp : IAsyncDisposable
{
    private readonly WebApplication _app;

    private DashboardApp(WebApplication app)
    {
        _app = app;
        Address = app.Urls.Single();
        Client = new HttpClient { BaseAddress = new Uri(Address) };
    }

    public string Address { get; }

    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public HybridCache Cache => Services.GetRequiredService<HybridCache>();

    /// <param name="map">Maps endpoints.</param>
    /// <param name="services">Adds services; null for authentication, authorization and antiforgery.</param>
    /// <param name="larder">Sets up the cache, which counts unless told otherwise.</param>
    /// <param name="pipeline">Adds middleware.</param>
    public static async Task<DashboardApp> StartAsync(
        Action<WebApplication> map, Action<IServiceCollection>? services = null, Action<ILarderBuilder>? larder = null, Action<WebApplication>? pipeline = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Configuration["CACHE_BACKEND"] = "memory";
        builder.Configuration["CACHE_METRICS"] = "";
        larder?.Invoke(builder.Services.AddLarder(options => options.Statistics = true));
        if (larder is null)
        {
            builder.Services.AddLarder(options => options.Statistics = true);
        }

        (services ?? AddSecurity)(builder.Services);
        var app = builder.Build();
        pipeline?.Invoke(app);
        map(app);
        try
        {
            await app.StartAsync();
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        return new DashboardApp(app);
    }

    public static void AddSecurity(IServiceCollection services)
    {
        services.AddAuthentication("test").AddScheme<AuthenticationSchemeOptions, HeaderAuthentication>("test", null);
        services.AddAuthorizationBuilder().AddPolicy("operators", policy => policy.RequireRole("operator"));
        services.AddAntiforgery();
    }

    /// <summary>Sends a request as somebody, or as nobody.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? user = null, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, path);
        if (user is not null)
        {
            request.Headers.Add("X-User", user);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    public async Task<JsonElement> GetJsonAsync(string path, string? user = null)
    {
        using var response = await SendAsync(HttpMethod.Get, path, user);
        response.EnsureSuccessStatusCode();
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }

    public async Task StopAsync() => await _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }

    private sealed class HeaderAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            if (Request.Headers["X-User"].ToString() is not { Length: > 0 } user)
            {
                return Task.FromResult(AuthenticateResult.NoResult());
            }

            var identity = new ClaimsIdentity([new Claim(ClaimTypes.Name, user), new Claim(ClaimTypes.NameIdentifier, user), new Claim(ClaimTypes.Role, user)], Scheme.Name);
            return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name)));
        }
    }
}
