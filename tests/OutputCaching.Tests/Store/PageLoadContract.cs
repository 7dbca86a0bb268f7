using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Larder.Tests;

/// <summary>Pages as loads of the engine: who computes one, who waits, and what is stored.</summary>
public abstract class PageLoadContract : IAsyncLifetime
{
    private const string Path = "/t/acme/p";

    private readonly SemaphoreSlim _gate = new(0);
    private Func<HttpContext, int, Task<string>> _endpoint = (_, run) => Task.FromResult($"run {run}");
    private int _entered;

    private protected abstract PageBackend Backend { get; }

    private int Entered => Volatile.Read(ref _entered);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await Backend.DisposeAsync();
        _gate.Dispose();
    }

    private Task<PageApp> StartAsync(Action<CacheRouteAttribute>? route = null, Action<LarderOptions>? options = null) => Backend.StartAsync(
        (_, web) => web.MapGet("/t/{tenant}/p", async (HttpContext http) =>
            {
                if (await _endpoint(http, Interlocked.Increment(ref _entered)) is { Length: > 0 } body)
                {
                    await http.Response.WriteAsync(body);
                }
            }).CacheRoute(attribute =>
        {
            attribute.Duration = 60;
            attribute.Tags = ["p"];
            route?.Invoke(attribute);
        }),
        scope => scope.FromRoute("tenant"),
        options);

    private void HoldRun(int held, Func<HttpContext, Task<string>>? afterwards = null) => _endpoint = async (http, run) =>
    {
        if (run == held)
        {
            await _gate.WaitAsync(http.RequestAborted);
            if (afterwards is not null)
            {
                return await afterwards(http);
            }
        }

        return $"run {run}";
    };

    private Task UntilEnteredAsync(int count) => Poll.UntilAsync(() => Entered == count, $"run {count} has begun");

    private static async Task RemoveAsync(PageApp app, string tag = "p")
    {
        using (CacheScope.Use(new CacheScope("acme")))
        {
            await app.Cache.RemoveByTagAsync(tag);
        }
    }

    [ContractFact]
    public async Task Many_requests_make_one_run_and_share_its_answer()
    {
        var app = await StartAsync();
        HoldRun(1);
        var first = app.GetAsync(Path);
        await UntilEnteredAsync(1);
        var others = Enumerable.Range(0, 20).Select(_ => app.GetAsync(Path)).ToArray();
        await app.UntilWaitingAsync(20);
        Backend.Clock.Advance(TimeSpan.FromMilliseconds(10));
        _gate.Release();

        Assert.Equal(("run 1", "larder; fwd=uri-miss; fwd-status=200; stored"), ((await first).Body, (await first).CacheStatus));
        Assert.All(await Task.WhenAll(others), other => Assert.Equal(("run 1", "larder; fwd=uri-miss; collapsed"), (other.Body, other.CacheStatus)));
        Assert.Equal("larder; hit; ttl=60", (await app.GetAsync(Path)).CacheStatus);
    }

    [ContractFact]
    public async Task A_run_that_throws_lets_the_next_one_try()
    {
        var app = await StartAsync();
        HoldRun(1, _ => throw new InvalidOperationException("broken"));
        var first = app.GetAsync(Path);
        await UntilEnteredAsync(1);
        var others = Enumerable.Range(0, 5).Select(_ => app.GetAsync(Path)).ToArray();
        await app.UntilWaitingAsync(5);
        _gate.Release();

        await Assert.ThrowsAsync<InvalidOperationException>(() => first);
        Assert.All(await Task.WhenAll(others), other => Assert.Equal("run 2", other.Body));
        Assert.Equal(2, Entered);
    }

    [ContractFact]
    public async Task A_run_that_always_fails_holds_up_nobody_for_long()
    {
        var app = await StartAsync();
        _endpoint = async (http, run) =>
        {
            await _gate.WaitAsync(http.RequestAborted);
            http.Response.StatusCode = 503;
            return $"run {run}";
        };
        var requests = Enumerable.Range(0, 10).Select(_ => app.GetAsync(Path)).ToArray();

        // Who waits for a run that has ended, and does not know it yet, counts as waiting too; but not as a caller of the one that has begun since.
        Task UntilJoinedAsync(int others) => Poll.UntilAsync(() => app.Store.Engine.Flights.CallerCount == 1 + others, $"{others} wait for the one that runs");
        await UntilEnteredAsync(1);
        await UntilJoinedAsync(9);

        // The first, and then one after the other leads; after three tries the rest do not wait any more.
        _gate.Release();
        await UntilEnteredAsync(2);
        await UntilJoinedAsync(8);
        _gate.Release();
        await UntilEnteredAsync(3);
        await UntilJoinedAsync(7);
        _gate.Release();
        await UntilEnteredAsync(10);
        _gate.Release(7);

        Assert.All(await Task.WhenAll(requests), answer => Assert.Equal(503, answer.Status));
    }

    [ContractFact]
    public async Task A_client_that_leaves_does_not_stop_what_others_wait_for()
    {
        var app = await StartAsync();
        HoldRun(1);
        using var leaving = new CancellationTokenSource();
        var first = app.GetAsync(Path, cancellationToken: leaving.Token);
        await UntilEnteredAsync(1);
        var second = app.GetAsync(Path);
        await app.UntilWaitingAsync(1);
        await leaving.CancelAsync();
        _gate.Release();

        Assert.Equal("run 1", (await second).Body);
        _ = await Record.ExceptionAsync(() => first);
        Assert.True((await app.GetAsync(Path)).IsHit);
        Assert.Equal(1, Entered);
    }

    [ContractFact]
    public async Task When_all_clients_have_left_the_run_is_told_and_nothing_is_stored()
    {
        var app = await StartAsync();
        HoldRun(1);
        using var leaving = new CancellationTokenSource();
        var first = app.GetAsync(Path, cancellationToken: leaving.Token);
        await UntilEnteredAsync(1);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await Poll.UntilAsync(() => app.Store.Tickets.Count == 0, "the run has ended");

        Assert.Equal("run 2", (await app.GetAsync(Path)).Body);
    }

    [ContractTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_response_that_is_cut_short_is_not_stored(bool byServer)
    {
        var app = await StartAsync();
        using var leaving = new CancellationTokenSource();
        _endpoint = async (http, run) =>
        {
            if (run > 1)
            {
                return $"run {run}";
            }

            // As code does that takes the end of its client for a reason to write no more.
            await http.Response.Body.WriteAsync("half of "u8.ToArray(), CancellationToken.None);
            if (byServer)
            {
                await _gate.WaitAsync(CancellationToken.None);
                http.Abort();
                return "";
            }

            await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
            return "";
        };
        var first = app.GetAsync(Path, cancellationToken: leaving.Token);
        await UntilEnteredAsync(1);
        if (byServer)
        {
            var waiting = app.GetAsync(Path);
            await app.UntilWaitingAsync(1);
            _gate.Release();
            Assert.Equal("run 2", (await waiting).Body);
        }

        await leaving.CancelAsync();
        _ = await Record.ExceptionAsync(() => first);
        await Poll.UntilAsync(() => app.Store.Tickets.Count == 0, "the run has ended");

        Assert.Equal("run 2", (await app.GetAsync(Path)).Body);
    }

    [ContractFact]
    public async Task A_response_computed_before_an_invalidation_is_not_stored_after_it()
    {
        var app = await StartAsync();
        var other = Backend.IsShared ? await StartAsync() : app;
        HoldRun(1);
        var early = app.GetAsync(Path);
        await UntilEnteredAsync(1);
        await RemoveAsync(other);
        if (Backend.IsShared)
        {
            // Whoever comes on the node that knows of it does not wait for what is obsolete.
            Assert.Equal("run 2", (await other.GetAsync(Path)).Body);
        }

        _gate.Release();
        Assert.Equal("run 1", (await early).Body);
        Assert.Equal("run 2", (await other.GetAsync(Path)).Body);

        // The node may have run once more before it has heard that there is a newer page already.
        await Poll.UntilAsync(async () => (await app.GetAsync(Path)).Body != "run 1", "the node has heard of it");
    }

    [ContractFact]
    public async Task A_stale_page_is_served_while_one_request_renews_it()
    {
        var app = await StartAsync(route => route.StaleWhileRevalidate = 600);
        await app.GetAsync(Path);
        await Backend.AdvanceAsync(TimeSpan.FromSeconds(65));
        HoldRun(2);
        var renewing = app.GetAsync(Path);
        await UntilEnteredAsync(2);

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(("run 1", "larder; hit; ttl=-5"), (await app.GetAsync(Path)) switch { var answer => (answer.Body, answer.CacheStatus) });
        }

        _gate.Release();
        Assert.Equal(("run 2", "larder; fwd=stale; fwd-status=200; stored"), (await renewing) switch { var answer => (answer.Body, answer.CacheStatus) });
        Assert.Equal(("run 2", "larder; hit; ttl=60"), (await app.GetAsync(Path)) switch { var answer => (answer.Body, answer.CacheStatus) });
        Assert.Equal(2, Entered);
    }

    [ContractFact]
    public async Task Nodes_leave_renewing_to_one_of_them()
    {
        var app = await StartAsync(route => route.StaleWhileRevalidate = 600);
        var other = Backend.IsShared ? await StartAsync(route => route.StaleWhileRevalidate = 600) : app;
        await app.GetAsync(Path);
        await other.GetAsync(Path);
        await Backend.AdvanceAsync(TimeSpan.FromSeconds(65));
        HoldRun(2);
        var renewing = app.GetAsync(Path);
        await UntilEnteredAsync(2);

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("run 1", (await other.GetAsync(Path)).Body);
        }

        _gate.Release();
        Assert.Equal("run 2", (await renewing).Body);
        Assert.Equal(2, Entered);
    }

    [ContractFact]
    public async Task A_stale_page_stands_in_for_those_who_wait_for_one_that_fails()
    {
        var app = await StartAsync(route => route.StaleIfError = 600);
        await app.GetAsync(Path);
        await Backend.AdvanceAsync(TimeSpan.FromSeconds(65));
        HoldRun(2, http =>
        {
            http.Response.StatusCode = 503;
            return Task.FromResult("down");
        });
        var failing = app.GetAsync(Path);
        await UntilEnteredAsync(2);
        var waiting = Enumerable.Range(0, 5).Select(_ => app.GetAsync(Path)).ToArray();
        await app.UntilWaitingAsync(5);
        _gate.Release();

        Assert.Equal((503, "down"), ((await failing).Status, (await failing).Body));
        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal(("run 1", "larder; hit; ttl=-5"), (answer.Body, answer.CacheStatus)));
        Assert.Equal("run 1", (await app.GetAsync(Path)).Body);
        Assert.Equal(2, Entered);
    }

    [ContractFact]
    public async Task Those_who_wait_for_a_response_that_is_not_for_others_run_for_themselves()
    {
        var app = await StartAsync();
        HoldRun(1, http =>
        {
            http.Response.Headers.SetCookie = "user=1";
            return Task.FromResult("run 1");
        });
        var first = app.GetAsync(Path);
        await UntilEnteredAsync(1);
        var others = Enumerable.Range(0, 5).Select(_ => app.GetAsync(Path)).ToArray();
        await app.UntilWaitingAsync(5);
        _gate.Release();

        Assert.Equal("user=1", (await first).Headers.SetCookie);
        var answers = await Task.WhenAll(others);
        Assert.Equal(5, answers.Select(answer => answer.Body).Distinct().Count());
        Assert.All(answers, answer => Assert.Equal(("", "larder; fwd=uri-miss; fwd-status=200; detail=not-shared"), (answer.Headers.SetCookie.ToString(), answer.CacheStatus)));
        Assert.Equal("larder; fwd=uri-miss; fwd-status=200; stored", (await app.GetAsync(Path)).CacheStatus);
    }
}

public class MemoryPageLoadTests : PageLoadContract
{
    private protected override PageBackend Backend { get; } = new(null);
}

[NeedsServer(ServerKind.Redis)]
public class RedisPageLoadTests : PageLoadContract
{
    private protected override PageBackend Backend { get; } = new(ServerKind.Redis);
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyPageLoadTests : PageLoadContract
{
    private protected override PageBackend Backend { get; } = new(ServerKind.Valkey);
}

[NeedsServer(ServerKind.RedisCluster)]
public class ClusterPageLoadTests : PageLoadContract
{
    private protected override PageBackend Backend { get; } = new(ServerKind.RedisCluster);
}
