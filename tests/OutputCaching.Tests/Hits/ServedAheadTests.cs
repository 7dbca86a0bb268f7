using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Larder.Tests;

// Every test of the applications' behaviour once more, with pages in memory served ahead of the framework's middleware. What an attacker may not get, what a page is made of and how long it lives
// is the same on both ways.

public sealed class AheadWayTests
{
    public AheadWayTests() => CacheWay.ServeAhead();

    [Fact]
    public async Task The_tests_below_have_pages_served_ahead()
    {
        var log = new TestLog();
        await Task.Yield();
        await using var app = await PageApp.StartAsync((_, web) => web.MapGet("/p", () => "p").CacheRoute(), services: services => services.AddLogging(logging => logging.AddProvider(new TestLogProvider(log))));
        await app.GetAsync("/p");

        Assert.True((await app.GetAsync("/p")).IsHit);
        Assert.Empty(log.Find("Serving response from cache"));
    }
}

public sealed class KeyAttackAheadTests : KeyAttackTests
{
    public KeyAttackAheadTests() => CacheWay.ServeAhead();
}

public sealed class UserAttackAheadTests : UserAttackTests
{
    public UserAttackAheadTests() => CacheWay.ServeAhead();
}

public sealed class ControllerAttackAheadTests : ControllerAttackTests
{
    public ControllerAttackAheadTests() => CacheWay.ServeAhead();
}

public sealed class RouteAheadTests : RouteTests
{
    public RouteAheadTests() => CacheWay.ServeAhead();
}

public sealed class ResponseAheadTests : ResponseTests
{
    public ResponseAheadTests() => CacheWay.ServeAhead();
}

public sealed class ControllerAheadTests : ControllerTests
{
    public ControllerAheadTests() => CacheWay.ServeAhead();
}

public sealed class StatusAheadTests : StatusTests
{
    public StatusAheadTests() => CacheWay.ServeAhead();
}

public sealed class TagAheadTests : TagTests
{
    public TagAheadTests() => CacheWay.ServeAhead();
}

public sealed class NamedPolicyAheadTests : NamedPolicyTests
{
    public NamedPolicyAheadTests() => CacheWay.ServeAhead();
}

public sealed class OwnKeyAheadTests : OwnKeyTests
{
    public OwnKeyAheadTests() => CacheWay.ServeAhead();
}

public sealed class ClaimTagAheadTests : ClaimTagTests
{
    public ClaimTagAheadTests() => CacheWay.ServeAhead();
}

public sealed class FrameworkFactsAheadTests : FrameworkFactsTests
{
    public FrameworkFactsAheadTests() => CacheWay.ServeAhead();
}

public sealed class ContentETagAheadTests : ContentETagTests
{
    public ContentETagAheadTests() => CacheWay.ServeAhead();
}

public sealed class LateHeaderAheadTests : LateHeaderTests
{
    public LateHeaderAheadTests() => CacheWay.ServeAhead();
}

public sealed class ScopeRuleAheadTests : ScopeRuleTests
{
    public ScopeRuleAheadTests() => CacheWay.ServeAhead();
}

public sealed class RequireTenantAheadTests : RequireTenantTests
{
    public RequireTenantAheadTests() => CacheWay.ServeAhead();
}

public sealed class RateLimitingAheadTests : RateLimitingTests
{
    public RateLimitingAheadTests() => CacheWay.ServeAhead();
}

public sealed class SeparatorAheadTests : SeparatorTests
{
    public SeparatorAheadTests() => CacheWay.ServeAhead();
}

public sealed class PipelineCheckAheadTests : PipelineCheckTests
{
    public PipelineCheckAheadTests() => CacheWay.ServeAhead();
}

public sealed class MemoryPageLoadAheadTests : MemoryPageLoadTests
{
    public MemoryPageLoadAheadTests() => CacheWay.ServeAhead();
}

public sealed class RedisPageLoadAheadTests : RedisPageLoadTests
{
    public RedisPageLoadAheadTests() => CacheWay.ServeAhead();
}

public sealed class ClusterPageLoadAheadTests : ClusterPageLoadTests
{
    public ClusterPageLoadAheadTests() => CacheWay.ServeAhead();
}

public sealed class MemoryStoreAheadTests : MemoryStoreTests
{
    public MemoryStoreAheadTests() => CacheWay.ServeAhead();
}

public sealed class RedisStoreAheadTests : RedisStoreTests
{
    public RedisStoreAheadTests() => CacheWay.ServeAhead();
}

public sealed class ClusterStoreAheadTests : ClusterStoreTests
{
    public ClusterStoreAheadTests() => CacheWay.ServeAhead();
}

public sealed class MemoryPlainPageAheadTests : MemoryPlainPageTests
{
    public MemoryPlainPageAheadTests() => CacheWay.ServeAhead();
}
