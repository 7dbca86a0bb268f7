using System.Reflection;
using System.Text;
using Larder.Http;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace Larder.Tests;

/// <summary>What stands over what, for every setting that there is.</summary>
public sealed class RouteSettingsTests
{
    private static readonly PropertyInfo[] Settings = [.. typeof(RouteSettings).GetProperties().Where(property => property.Name is not (nameof(RouteSettings.Policy) or "EqualityContract"))];

    private static RouteSettings Full(int seed) => new()
    {
        Duration = TimeSpan.FromSeconds(seed),
        NotFound = TimeSpan.FromSeconds(seed),
        Statuses = new StatusTimes().With(301, TimeSpan.FromSeconds(seed)),
        StaleWhileRevalidate = TimeSpan.FromSeconds(seed),
        StaleIfError = TimeSpan.FromSeconds(seed),
        Tags = [TagTemplate.Parse($"tag{seed}")],
        Query = [$"q{seed}"],
        Headers = [$"h{seed}"],
        VaryByUser = seed % 2 == 0,
        VaryByClaims = [$"c{seed}"],
        ETag = (CacheRouteETag)seed,
        KeyBy = _ => seed,
        KeyType = seed == 1 ? typeof(ThemeKey) : typeof(string),
    };

    [Fact]
    public void Each_setting_wins_over_the_one_below_and_lets_it_through_if_it_is_not_set()
    {
        var (upper, lower) = (Full(1), Full(2));
        foreach (var property in Settings)
        {
            Assert.Equal(property.GetValue(lower), property.GetValue(new RouteSettings().Over(lower)));
            Assert.Equal(property.GetValue(upper), property.GetValue(upper.Over(lower)));
            Assert.Equal(property.GetValue(upper), property.GetValue(upper.Over(new RouteSettings())));
        }
    }

    [Fact]
    public void One_way_to_make_a_key_replaces_the_other()
    {
        var byDelegate = new RouteSettings { KeyBy = _ => 1 };
        var byType = new RouteSettings { KeyType = typeof(ThemeKey) };

        Assert.Null(byDelegate.Over(byType).KeyType);
        Assert.Null(byType.Over(byDelegate).KeyBy);
        Assert.Same(byDelegate.KeyBy, byDelegate.Over(byType).KeyBy);
        Assert.Same(byType.KeyType, byType.Over(byDelegate).KeyType);
    }

    [Fact]
    public void The_section_sets_each_setting_that_can_be_written_there()
    {
        const string Section = """
            { "P": { "Policies": { "all": {
                "Duration": 1, "NotFound": 2, "Statuses": { "301": 3 }, "StaleWhileRevalidate": 4, "StaleIfError": "00:00:05", "Tags": [ "t" ], "Query": [ "q" ], "Headers": [ "h" ],
                "VaryByUser": true, "VaryByClaims": [ "c" ], "ETag": "Content" } } } }
            """;
        var options = new LarderOutputCacheOptions();
        OutputCachingSection.Apply(new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(Section))).Build().GetSection("P"), options);
        var policy = options.FindPolicy("ALL");

        Assert.Equal([1, 2, 4, 5], new[] { policy.Duration, policy.NotFound, policy.StaleWhileRevalidate, policy.StaleIfError }.Select(time => time!.Value.TotalSeconds));
        Assert.Equal(["301=3", "t", "q", "h", "c"], [.. policy.Statuses!.Texts, .. policy.Tags!.Select(tag => tag.Text), .. policy.Query!, .. policy.Headers!, .. policy.VaryByClaims!]);
        Assert.Equal((true, CacheRouteETag.Content), (policy.VaryByUser, policy.ETag));
        Assert.All(Settings, property => Assert.Equal(property.Name is "KeyBy" or "KeyType", property.GetValue(policy) is null));
    }
}
