using Larder.Samples.WebApp.Catalog;
using Larder.Samples.WebApp.Data;
using Larder.Samples.WebApp.Hosting;

var builder = WebApplication.CreateBuilder(args);

// In memory, unless REDIS_URL or VALKEY_HOST (or the section "Larder" of appsettings.json) names a server.
builder.Services.AddLarder(builder.Configuration)
    .AddHttpScope(scope => scope
        .FromRoute("tenant")
        .FromHeader("X-Tenant") // A demonstration: behind no gateway, any client may claim to be any tenant.
        .AllowTenants((_, tenant) => Tenants.Exists(tenant)))
    .AddOutputCaching();
builder.Services.AddHealthChecks().AddLarder();
builder.Services.AddAntiforgery(); // For the dashboard.

builder.Services.AddCatalogData(builder.Configuration, builder.Environment);
builder.Services.AddSingleton<ProductStore>().AddScoped<ProductCatalog>().AddScoped<DataCacheLog>();
builder.Services.AddControllers();
builder.Services.AddProblemDetails();
builder.Services.AddOpenApi();

var app = builder.Build();

app.UseExceptionHandler();
app.UseStatusCodePages();
app.UseRouting();
app.UseLarderScope();
app.UseDataCacheHeader();
app.UseLarderOutputCache();

app.MapControllers();
app.MapLarderHealth();
if (app.Environment.IsDevelopment())
{
    // They span tenants and ask for a login, which this sample does not have. On your own machine you may look without one.
    app.MapLarderDashboard().AllowAnonymous();
    app.MapLarderStatistics().AllowAnonymous();
}

app.MapOpenApi();
app.MapLandingPage();

app.Run();
