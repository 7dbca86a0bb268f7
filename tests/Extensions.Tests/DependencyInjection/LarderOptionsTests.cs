using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Larder.Tests.DependencyInjection;

public sealed class LarderOptionsTests
{
    public static TheoryData<string, Action<LarderOptions>, string> WrongValues => new()
    {
        { "Prefix", options => options.Prefix = "  ", "'  '" },
        { "Version", options => options.Version = "", "''" },
        { "DefaultExpiration", options => options.DefaultExpiration = TimeSpan.FromSeconds(-1), "'-00:00:01'" },
        { "ShortExpiration", options => options.ShortExpiration = TimeSpan.FromSeconds(-1), "'-00:00:01'" },
        { "LongExpiration", options => options.LongExpiration = TimeSpan.FromSeconds(-1), "'-00:00:01'" },
        { "DefaultLocalCacheExpiration", options => options.DefaultLocalCacheExpiration = TimeSpan.Zero, "'00:00:00'" },
        { "MaximumKeyLength", options => options.MaximumKeyLength = 0, "'0'" },
        { "MaximumKeyLength", options => options.MaximumKeyLength = 100_000, "'100000'" },
        { "MaximumPayloadBytes", options => options.MaximumPayloadBytes = 0, "'0'" },
        { "MaximumPayloadBytes", options => options.MaximumPayloadBytes = long.MaxValue, "'9223372036854775807'" },
        { "MaximumMemoryEntries", options => options.MaximumMemoryEntries = 15, "'15'" },
        { "MaximumMemoryBytes", options => options.MaximumMemoryBytes = 1_000, "'1000'" },
        { "SecondLevelTimeout", options => options.SecondLevelTimeout = TimeSpan.Zero, "'00:00:00'" },
        { "SecondLevelReadTimeout", options => options.SecondLevelReadTimeout = TimeSpan.Zero, "'00:00:00'" },
        { "SecondLevelWriteTimeout", options => options.SecondLevelWriteTimeout = TimeSpan.FromSeconds(-1), "'-00:00:01'" },
        { "SecondLevelInvalidationTimeout", options => options.SecondLevelInvalidationTimeout = TimeSpan.FromMinutes(6), "'00:06:00'" },
        { "LeaseDuration", options => options.LeaseDuration = TimeSpan.FromMilliseconds(99), "'00:00:00.0990000'" },
        { "LeaseDuration", options => options.LeaseDuration = TimeSpan.FromMinutes(6), "'00:06:00'" },
        { "BackplaneTimeout", options => options.BackplaneTimeout = TimeSpan.FromMilliseconds(1), "'00:00:00.0010000'" },
        { "BackplaneTimeout", options => options.BackplaneTimeout = TimeSpan.FromHours(1), "'01:00:00'" },
        { "StampAge", options => options.StampAge = TimeSpan.Zero, "'00:00:00'" },
        { "MinimumPoolThreads", options => options.MinimumPoolThreads = -1, "'-1'" },
        { "MinimumPoolThreads", options => options.MinimumPoolThreads = 1_001, "'1001'" },
        { "SlidingExpiration", options => options.SlidingExpiration = TimeSpan.FromSeconds(-1), "'-00:00:01'" },
        { "EarlyRefreshThreshold", options => options.EarlyRefreshThreshold = 1, "'1'" },
        { "EarlyRefreshThreshold", options => options.EarlyRefreshThreshold = double.NaN, "'NaN'" },
        { "EarlyRefreshBefore", options => options.EarlyRefreshBefore = TimeSpan.FromSeconds(-1), "'-00:00:01'" },
        { "StaleWhileRevalidate", options => options.StaleWhileRevalidate = TimeSpan.FromSeconds(-1), "'-00:00:01'" },
        { "StaleIfError", options => options.StaleIfError = TimeSpan.FromSeconds(-1), "'-00:00:01'" },
        { "StaleIfErrorServes", options => options.StaleIfErrorServes = (StaleValues)9, "'9'" },
        { "StaleIfErrorThrottle", options => options.StaleIfErrorThrottle = TimeSpan.Zero, "'00:00:00'" },
        { "SoftTimeout", options => options.SoftTimeout = TimeSpan.Zero, "'00:00:00'" },
        { "HardTimeout", options => options.HardTimeout = TimeSpan.FromDays(2), "'2.00:00:00'" },
        { "SoftTimeout", options => (options.SoftTimeout, options.HardTimeout) = (TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1)), "'00:00:02'; it must be at most HardTimeout, which is 00:00:01." },
        { "MaximumBackgroundLoads", options => options.MaximumBackgroundLoads = 0, "'0'" },
        { "Namespaces[users].StaleIfError", options => options.Namespaces["users"] = new NamespaceOptions { StaleIfError = TimeSpan.FromSeconds(-1) }, "'-00:00:01'" },
        { "Namespaces[users].SoftTimeout", options => options.Namespaces["users"] = new NamespaceOptions { SoftTimeout = TimeSpan.FromSeconds(9), HardTimeout = TimeSpan.FromSeconds(1) }, "'00:00:09'" },
        { "OnReadFailure", options => options.OnReadFailure = (SecondLevelFailure)9, "'9'" },
        { "OnReadFailure", options => options.OnReadFailure = SecondLevelFailure.Queue, "'Queue'; it must be Tolerate or Throw, because a read that failed cannot be made up for later." },
        { "OnWriteFailure", options => options.OnWriteFailure = (SecondLevelFailure)9, "'9'" },
        { "OnWriteFailure", options => options.OnWriteFailure = SecondLevelFailure.Tolerate, "'Tolerate'; it must be Queue or Throw, because to set a key is to invalidate its old value, and an acknowledged invalidation would be lost." },
        { "OnInvalidationFailure", options => options.OnInvalidationFailure = (SecondLevelFailure)9, "'9'" },
        { "OnInvalidationFailure", options => options.OnInvalidationFailure = SecondLevelFailure.Tolerate, "'Tolerate'; it must be Queue or Throw, because an acknowledged invalidation would be lost." },
        { "MaximumPendingInvalidations", options => options.MaximumPendingInvalidations = 0, "'0'" },
        { "Namespaces[users].DefaultExpiration", options => options.Namespaces["users"] = new() { DefaultExpiration = TimeSpan.FromTicks(-1) }, "'-00:00:00.0000001'" },
        { "Namespaces[users].DefaultLocalCacheExpiration", options => options.Namespaces["users"] = new() { DefaultLocalCacheExpiration = TimeSpan.Zero }, "'00:00:00'" },
    };

    [Theory]
    [MemberData(nameof(WrongValues))]
    public void A_wrong_value_is_refused_by_name_with_the_value(string name, Action<LarderOptions> set, string quoted)
    {
        var failure = Assert.Single(Assert.Throws<OptionsValidationException>(() => Options(services => services.AddLarder(set))).Failures);

        Assert.Contains($"{name} is {quoted}", failure, StringComparison.Ordinal);
    }

    [Fact]
    public void A_time_too_long_for_a_timer_is_refused() =>
        Assert.Throws<OptionsValidationException>(() => Options(services => services.AddLarder(options => options.SecondLevelTimeout = TimeSpan.MaxValue)));

    [Fact]
    public void The_policies_for_failures_may_come_from_the_section()
    {
        var configuration = Configuration(
            ("Larder:OnReadFailure", "Throw"), ("Larder:OnWriteFailure", "Throw"), ("Larder:OnInvalidationFailure", "Throw"), ("Larder:SecondLevelReadTimeout", "00:00:00.1"));
        var options = Options(services => services.AddLarder(configuration));

        Assert.Equal(
            (SecondLevelFailure.Throw, SecondLevelFailure.Throw, SecondLevelFailure.Throw, TimeSpan.FromMilliseconds(100)),
            (options.OnReadFailure, options.OnWriteFailure, options.OnInvalidationFailure, options.SecondLevelReadTimeout));
    }

    [Fact]
    public void The_defaults_and_zero_for_no_caching_are_right()
    {
        _ = Options(services => services.AddLarder());
        Assert.Equal(TimeSpan.Zero, Options(services => services.AddLarder(options => options.DefaultExpiration = TimeSpan.Zero)).DefaultExpiration);
    }

    [Fact]
    public void All_wrong_values_are_named_at_once() =>
        Assert.Equal(2, Assert.Throws<OptionsValidationException>(() => Options(services => services.AddLarder(options => (options.Prefix, options.Version) = ("", "")))).Failures.Count());

    [Fact]
    public void Code_wins_over_the_section_and_the_section_over_the_environment()
    {
        var configuration = Configuration(("Larder:Prefix", "section"), ("Larder:Version", "section"), ("CACHE_PREFIX", "environment"), ("CACHE_VERSION", "environment"), ("CACHE_TTL_DEFAULT", "60"));
        var options = Options(services =>
        {
            services.AddSingleton(configuration);
            services.AddLarder(configuration);
            services.AddLarder(code => code.Prefix = "code");
        });

        Assert.Equal(("code", "section", TimeSpan.FromMinutes(1)), (options.Prefix, options.Version, options.DefaultExpiration));
    }

    [Fact]
    public void The_section_can_be_given_itself_and_fills_namespaces()
    {
        var configuration = Configuration(("Larder:MaximumKeyLength", "99"), ("Larder:Namespaces:users:DefaultExpiration", "00:01:00"));
        var options = Options(services => services.AddLarder(configuration.GetSection("Larder")));

        Assert.Equal(99, options.MaximumKeyLength);
        Assert.Equal(TimeSpan.FromMinutes(1), options.Namespaces["users"].DefaultExpiration);
    }

    [Fact]
    public void A_namespace_declared_twice_keeps_both_settings()
    {
        var options = Options(services => services.AddLarder()
            .AddNamespace("users", users => users.DefaultExpiration = TimeSpan.FromMinutes(1))
            .AddNamespace("users", users => users.DefaultLocalCacheExpiration = TimeSpan.FromSeconds(1)));

        Assert.Equal((TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(1)), (options.Namespaces["users"].DefaultExpiration, options.Namespaces["users"].DefaultLocalCacheExpiration));
    }

    [Fact]
    public void A_variable_is_about_the_namespace_declared_in_any_casing()
    {
        var options = Options(services =>
        {
            services.AddSingleton(Configuration(("FAVICON_CACHE_TTL_SECONDS", "60")));
            services.AddLarder().AddNamespace("Favicon");
        });

        Assert.Equal(TimeSpan.FromMinutes(1), options.Namespaces["Favicon"].DefaultExpiration);
    }

    [Fact]
    public async Task A_namespace_has_its_own_expirations_and_flags()
    {
        var clock = new SteppedClock();
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(clock);
        services.AddLarder()
            .AddNamespace("short", options => options.DefaultExpiration = TimeSpan.FromSeconds(10))
            .AddNamespace("off", options => options.DefaultExpiration = TimeSpan.Zero);
        await using var node = await CacheNode.StartAsync(services);
        var values = new CountedFactory<int>(call => call);
        string?[] names = ["short", "off", "other", null];
        foreach (var name in names)
        {
            await values.ReadAsync(node.Cache.InScope(CacheScope.Raw.WithNamespace(name)), "key");
        }

        clock.Advance(TimeSpan.FromSeconds(11));

        var found = new List<int>();
        foreach (var name in names)
        {
            found.Add(await Hybrid.HybridCacheContract.PeekAsync<int>(node.Cache.InScope(CacheScope.Raw.WithNamespace(name)), "key"));
        }

        Assert.Equal([0, 0, 3, 4], found);
    }

    private static LarderOptions Options(Action<IServiceCollection> add)
    {
        var services = new ServiceCollection();
        add(services);
        using var provider = services.BuildServiceProvider();
        return provider.GetRequiredService<IOptions<LarderOptions>>().Value;
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(value => KeyValuePair.Create(value.Key, (string?)value.Value))).Build();
}
