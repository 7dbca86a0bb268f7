using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Larder.Tests;

/// <summary>What is said at the start about the order of middleware, with both kinds of hosts.</summary>
public class PipelineCheckTests
{
    private sealed record Start(Exception? Error, string[] Warnings);

    private static void Services(IServiceCollection services, Action<HttpScopeBuilder>? scope)
    {
        services.AddRouting();
        services.AddAuthentication("test").AddCookie("test");
        services.AddAuthorization();
        services.AddResponseCompression();
        var larder = services.AddLarder().AddOutputCaching();
        if (scope is not null)
        {
            larder.AddHttpScope(scope);
        }
    }

    /// <summary>Starts an application with the minimal host, or with one that has a Startup.</summary>
    private static async Task<Start> StartAsync(
        bool isMinimal, Action<IApplicationBuilder> pipeline, Action<IEndpointRouteBuilder> map, Action<HttpScopeBuilder>? scope = null, Action<IServiceCollection>? services = null)
    {
        var log = new TestLog();
        void Log(ILoggingBuilder logging) => logging.ClearProviders().AddProvider(new TestLogProvider(log));
        IHost host;
        if (isMinimal)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseTestServer();
            Log(builder.Logging);
            builder.Configuration["CACHE_BACKEND"] = "memory";
            Services(builder.Services, scope);
            services?.Invoke(builder.Services);
            var app = builder.Build();
            pipeline(app);
            map(app);
            host = app;
        }
        else
        {
            host = new HostBuilder()
                .ConfigureLogging(Log)
                .ConfigureWebHost(web => web.UseTestServer()
                    .UseSetting("CACHE_BACKEND", "memory")
                    .ConfigureServices(collection =>
                    {
                        Services(collection, scope);
                        services?.Invoke(collection);
                    })
                    .Configure(app =>
                    {
                        pipeline(app);
                        app.UseEndpoints(map);
                    }))
                .Build();
        }

        using (host)
        {
            var error = await Record.ExceptionAsync(() => host.StartAsync());
            if (error is null)
            {
                await host.StopAsync();
            }

            return new Start(error, log.Find("Call app.Use"));
        }
    }

    private static void AssertSilent(Start start)
    {
        Assert.Null(start.Error);
        Assert.Empty(start.Warnings);
    }

    private static void AssertWarned(Start start, params string[] each)
    {
        Assert.Null(start.Error);
        Assert.Equal(each.Length, start.Warnings.Length);
        Assert.All(each, text => Assert.Contains(start.Warnings, line => line.Contains(text, StringComparison.Ordinal)));
    }

    private static void MapAll(IEndpointRouteBuilder web)
    {
        web.MapGet("/public", () => "").CacheRoute();
        web.MapGet("/mine", () => "").CacheRoute(route => route.VaryByUser = true).RequireAuthorization();
        web.MapGet("/t/{tenant}/framework", () => "").CacheOutput().RequireAuthorization();
    }

    public static TheoryData<bool, string> GoodOrders
    {
        get
        {
            var data = new TheoryData<bool, string>();
            foreach (var isMinimal in (bool[])[true, false])
            {
                foreach (var order in (string[])["R A Z S C", "R A S Z C", "R X A Z S C", "R S A Z C", "R A Z C", "W R A Z S C", "R U A Z S C", "R A Z S C X", "R A Z S B C", "R A Z S M C", "R I A Z S C"])
                {
                    data.Add(isMinimal, order);
                }
            }

            return data;
        }
    }

    // R UseRouting, A UseAuthentication, Z UseAuthorization, S UseLarderScope, C UseOutputCache; the rest are what stands between them in real applications.
    private static void Use(IApplicationBuilder app, string order)
    {
        foreach (var step in order.Split(' '))
        {
            _ = step switch
            {
                "R" => app.UseRouting(),
                "A" => app.UseAuthentication(),
                "Z" => app.UseAuthorization(),
                "S" => app.UseLarderScope(),
                "C" => app.UsePages(),
                "X" => app.UseMiddleware<WithServices>(),
                "I" => app.UseMiddleware<FromServices>(),
                "W" => app.UseExceptionHandler("/error").UseResponseCompression(),
                "U" => app.Use((context, next) => next(context)).Use(next => context => next(context)).Use((HttpContext _, Func<Task> next) => next()),
                "B" => app.UseWhen(_ => true, branch => branch.UseResponseCompression()),
                "M" => app.Map("/health", branch => branch.Run(_ => Task.CompletedTask)).MapWhen(_ => false, branch => branch.UseAuthentication().UseAuthorization()),

                // Steps that only some requests meet.
                "(A)" => app.UseWhen(_ => true, branch => branch.UseAuthentication()),
                "(Z)" => app.UseWhen(_ => true, branch => branch.UseAuthorization()),
                "(S)" => app.UseWhen(_ => true, branch => branch.UseLarderScope()),
                "(C)" => app.UseWhen(_ => true, branch => branch.UsePages()),
                "[CAZ]" => app.MapWhen(_ => false, branch => branch.UsePages().UseAuthentication().UseAuthorization()),
                "[A][CZ]" => app.MapWhen(_ => false, branch => branch.UseAuthentication()).MapWhen(_ => false, branch => branch.UsePages().UseAuthorization()),
                _ => throw new ArgumentException(step, nameof(order)),
            };
        }
    }

    private static void AddSteps(IServiceCollection services) => services.AddSingleton<FromServices>();

    [Theory]
    [MemberData(nameof(GoodOrders))]
    public async Task An_order_that_is_right_is_not_complained_about(bool isMinimal, string order) =>
        AssertSilent(await StartAsync(isMinimal, app => Use(app, order), MapAll, order.Contains('S', StringComparison.Ordinal) ? scope => scope.FromRoute("tenant") : null, AddSteps));

    [Theory]
    [InlineData("S C")]
    [InlineData("U S C")]
    public async Task What_the_minimal_host_adds_by_itself_comes_first(string order) =>
        AssertSilent(await StartAsync(isMinimal: true, app => Use(app, order), MapAll, scope => scope.FromRoute("tenant").FromClaim("tid")));

    [Theory]
    [InlineData(true, "R A C Z")]
    [InlineData(false, "R A C Z")]
    [InlineData(true, "A C U X B I Z")]
    [InlineData(false, "R A C U X B I M Z")]
    public async Task The_cache_between_authentication_and_authorization_is_refused_where_users_have_pages(bool isMinimal, string order)
    {
        var start = await StartAsync(isMinimal, app => Use(app, order), MapAll, services: AddSteps);

        Assert.Contains("app.UseOutputCache() comes before app.UseAuthorization()", Assert.IsType<InvalidOperationException>(start.Error).Message, StringComparison.Ordinal);
        Assert.Contains("/mine", start.Error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_cache_before_both_is_warned_about(bool isMinimal) =>
        AssertWarned(
            await StartAsync(isMinimal, app => Use(app, "R C A Z"), MapAll),
            "comes before app.UseAuthorization(): nobody asks whether a user may see a page of the endpoint HTTP: GET /mine",
            "comes before app.UseAuthentication(): it does not know who asks for the endpoint HTTP: GET /mine");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_frameworks_own_pages_are_warned_about(bool isMinimal) =>
        AssertWarned(
            await StartAsync(isMinimal, app => Use(app, "R A C Z"), web => web.MapGet("/framework", () => "").CacheOutput().RequireAuthorization()),
            "comes before app.UseAuthorization(): nobody asks whether a user may see a page of the endpoint HTTP: GET /framework");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Public_pages_may_come_before_everything(bool isMinimal) =>
        AssertSilent(await StartAsync(isMinimal, app => Use(app, "R C A Z"), web =>
        {
            web.MapGet("/public", () => "").CacheRoute();
            web.MapGet("/framework", () => "").CacheOutput();
            web.MapGet("/mine", () => "").RequireAuthorization();
            web.MapGet("/open", () => "").CacheRoute().RequireAuthorization().AllowAnonymous();
            web.MapPost("/write", () => "").CacheRoute(route => route.VaryByUser = true).RequireAuthorization();
        }));

    [Fact]
    public async Task A_fallback_policy_protects_every_endpoint() =>
        AssertWarned(
            await StartAsync(
                false,
                app => Use(app, "R A C Z"),
                web => web.MapGet("/p", () => "").CacheRoute(),
                services: services => services.Configure<AuthorizationOptions>(options => options.FallbackPolicy = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build())),
            "comes before app.UseAuthorization()");

    [Theory]
    [InlineData("R A C (Z)")]
    [InlineData("R A (C) Z")]
    [InlineData("R A Z (C) C Z")]
    public async Task What_only_some_requests_meet_stops_no_application(string order)
    {
        var start = await StartAsync(false, app => Use(app, order), MapAll);
        AssertWarned(start, [.. order.Contains("Z (C)", StringComparison.Ordinal) ? Array.Empty<string>() : ["comes before app.UseAuthorization()"]]);
    }

    [Theory]
    [InlineData("R A Z [CAZ] C")]
    [InlineData("R (A) (Z) C A Z")]
    [InlineData("R [A][CZ] A Z C")]
    [InlineData("[CAZ] R A Z C")]
    public async Task What_comes_first_on_some_way_or_reaches_no_endpoint_is_not_complained_about(string order) =>
        AssertSilent(await StartAsync(false, app => Use(app, order), MapAll));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_cache_before_the_scope_is_refused_where_a_route_is_cached(bool isMinimal)
    {
        var start = await StartAsync(isMinimal, app => Use(app, "R A Z C S"), web => web.MapGet("/p", () => "").CacheRoute(), scope => scope.FromHeader("X-Tenant"));
        Assert.Contains("app.UseOutputCache() comes before app.UseLarderScope()", Assert.IsType<InvalidOperationException>(start.Error).Message, StringComparison.Ordinal);
        Assert.Contains("GET /p", start.Error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("R A Z C S", false)]
    [InlineData("R A Z C (S)", true)]
    [InlineData("R A Z (C) S", true)]
    public async Task The_cache_before_the_scope_is_warned_about_where_it_may_do_no_harm(string order, bool isRoute) =>
        AssertWarned(
            await StartAsync(
                false,
                app => Use(app, order),
                web => _ = isRoute ? web.MapGet("/p", () => "").CacheRoute() : web.MapGet("/p", () => "").CacheOutput(),
                scope => scope.FromHeader("X-Tenant")),
            "app.UseOutputCache() comes before app.UseLarderScope()");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_cache_before_routing_sees_no_route(bool isMinimal) =>
        AssertWarned(
            await StartAsync(isMinimal, app => Use(app, "C R A Z"), web => web.MapGet("/p", () => "").CacheRoute()),
            "app.UseOutputCache() comes before app.UseRouting(): it does not see the endpoint HTTP: GET /p");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_scope_that_asks_the_route_before_routing_is_refused(bool isMinimal)
    {
        var start = await StartAsync(isMinimal, app => Use(app, "S R A Z C"), web => web.MapGet("/p", () => ""), scope => scope.FromRoute("tenant"));
        var header = await StartAsync(isMinimal, app => Use(app, "S R A Z C"), web => web.MapGet("/p", () => ""), scope => scope.FromHeader("X-Tenant"));

        Assert.Contains("app.UseLarderScope() comes before app.UseRouting(), so the route tenant never has a value", Assert.IsType<InvalidOperationException>(start.Error).Message, StringComparison.Ordinal);
        AssertSilent(header);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_scope_that_asks_claims_before_authentication_is_warned_about(bool isMinimal) =>
        AssertWarned(
            await StartAsync(isMinimal, app => Use(app, "R S A Z C"), web => web.MapGet("/p", () => ""), scope => scope.FromClaim("tid")),
            "app.UseLarderScope() comes before app.UseAuthentication(): the claim tid has no value yet");

    [Fact]
    public async Task What_a_start_up_filter_has_put_in_front_counts() =>
        AssertSilent(await StartAsync(false, app => Use(app, "C A Z"), MapAll, services: services => services.Insert(0, ServiceDescriptor.Singleton<IStartupFilter, InFront>())));

    private sealed class InFront : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.UseRouting().UseAuthentication().UseAuthorization();
            next(app);
        };
    }

    public sealed class WithServices(RequestDelegate next)
    {
        public Task InvokeAsync(HttpContext context, IServiceProvider services)
        {
            ArgumentNullException.ThrowIfNull(services);
            return next(context);
        }
    }

    public sealed class FromServices : IMiddleware
    {
        public Task InvokeAsync(HttpContext context, RequestDelegate next)
        {
            ArgumentNullException.ThrowIfNull(next);
            return next(context);
        }
    }
}
