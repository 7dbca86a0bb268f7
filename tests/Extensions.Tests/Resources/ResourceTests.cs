using System.Globalization;
using FsCheck.Fluent;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Resources;

/// <summary>Names, keys and tags of resources, and what a server that is away leaves of a write.</summary>
public sealed class ResourceTests
{
    [Theory]
    [InlineData("user:{id}", ":")]
    [InlineData("user:profile", ":")]
    [InlineData("{user_id}", "{")]
    [InlineData("a b", " ")]
    [InlineData("*", "*")]
    [InlineData("é", "é")]
    public async Task What_is_no_name_is_refused_and_the_message_says_what_to_do(string name, string offending)
    {
        await using var node = await StartAsync();
        foreach (var thrown in new[]
        {
            Assert.Throws<ArgumentException>(() => node.Cache.Resource<int>(name)),
            Assert.Throws<ArgumentException>(() => { node.Cache.Resource<int>("user").KeyOf(1, name); }),
            Assert.Throws<ArgumentException>(() => { new ServiceCollection().AddLarder().AddResource<int>(name); }),
            await Assert.ThrowsAsync<ArgumentException>(async () => await node.Cache.Resource<int>("user").ReadAsync(1, name, (_, _) => new ValueTask<int>(1))),
        })
        {
            Assert.Contains($"'{name}'", thrown.Message, StringComparison.Ordinal);
            Assert.Contains($"'{offending}'", thrown.Message, StringComparison.Ordinal);
            Assert.Contains("Parameters", thrown.Message, StringComparison.Ordinal);
        }

        Assert.ThrowsAny<ArgumentException>(() => node.Cache.Resource<int>(""));
        Assert.ThrowsAny<ArgumentException>(() => node.Cache.Resource<int>(new string('x', 65)));
    }

    [Fact]
    public async Task A_tag_that_looks_like_a_template_is_refused_and_one_of_a_hostile_id_is_not()
    {
        await using var node = await StartAsync();
        var user = node.Cache.Resource<string>("user");
        var options = new ResourceReadOptions { Tags = ["role:{role}"] };
        var thrown = await Assert.ThrowsAsync<ArgumentException>(async () => await user.ReadAsync("1", "read", (_, _) => new ValueTask<int>(1), options));
        Assert.Contains("'role:{role}'", thrown.Message, StringComparison.Ordinal);
        var saved = false;
        await Assert.ThrowsAsync<ArgumentException>(async () => await user.WriteAsync("1", _ => { saved = true; return ValueTask.CompletedTask; }, new ResourceWriteOptions { Tags = ["role:{role}"] }));
        await Assert.ThrowsAsync<ArgumentException>(async () => await user.WriteAsync("1", _ => { saved = true; return ValueTask.CompletedTask; }, new ResourceWriteOptions { Tags = [" "] }));
        Assert.False(saved);

        var hostile = new ResourceReadOptions { Tags = [node.Cache.Resource<string>("role").TagOf("{role}")] };
        Assert.Equal(1, await user.ReadAsync("{id}", "read", (_, _) => new ValueTask<int>(1), hostile));
    }

    [Fact]
    public async Task What_cannot_be_an_id_is_refused()
    {
        await using var node = await StartAsync();
        Assert.Throws<ArgumentNullException>(() => node.Cache.Resource<string>("user").TagOf(null!));
        Assert.Throws<ArgumentException>(() => node.Cache.Resource<Stream>("user").TagOf(Stream.Null));
        Assert.Throws<ArgumentException>(() => node.Cache.Resource<int>("user").KeyOf(1, "read", [Stream.Null]));
        Assert.Throws<ArgumentException>(() => new ForeignHybridCache(TimeProvider.System).Resource<int>("user"));
    }

    [Fact]
    public async Task Keys_and_tags_are_the_same_in_every_culture()
    {
        await using var node = await StartAsync();
        var resource = node.Cache.Resource<object>("r");
        var before = CultureInfo.CurrentCulture;
        try
        {
            var texts = new HashSet<string>();
            foreach (var culture in new[] { "", "de-DE", "ar-SA", "fa-IR", "tr-TR" })
            {
                CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
                texts.Add(resource.KeyOf(-1.5m, "read", -2.5, new DateTime(2025, 1, 2, 3, 4, 5, DateTimeKind.Utc)) + resource.TagOf((-1.5, "I")));
            }

            Assert.Single(texts);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public async Task Different_names_ids_and_parameters_give_different_keys()
    {
        await using var node = await StartAsync();
        var texts = Gen.Elements("", "a", "b", ":", "'", "\\", "a:b", "','", "(", ")", "'a':'b'", "profile", "1");
        var cases = from id in texts from other in texts from parameters in texts.ListOf() from others in texts.ListOf() select (id, other, parameters, others);
        var resource = node.Cache.Resource<string>("r");
        Property.Holds(cases, c =>
        {
            var same = c.id == c.other && c.parameters.SequenceEqual(c.others);
            Assert.Equal(same, resource.KeyOf(c.id, "read", [.. c.parameters]) == resource.KeyOf(c.other, "read", [.. c.others]));
            Assert.Equal(c.id == c.other, resource.TagOf(c.id) == resource.TagOf(c.other));
        });
    }

    [Fact]
    public async Task A_resource_is_injected_by_its_name()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddLarder().AddResource<int>("user", new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1) }).AddResource<Guid>("order");
        await using var node = await CacheNode.StartAsync(services);
        var user = node.Services.GetRequiredKeyedService<CacheResource<int>>("user");
        Assert.Equal("user", user.Name);
        Assert.Equal("order", node.Services.GetRequiredKeyedService<CacheResource<Guid>>("order").Name);
        await user.ReadAsync(1, "read", (id, _) => new ValueTask<int>(id));
        using (CacheScope.Use(new CacheScope("acme")))
        {
            Assert.False((await user.TryReadAsync<int>(1, "read")).IsFound);
        }

        Assert.True((await user.TryReadAsync<int>(1, "read")).IsFound);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task While_the_server_is_away_a_write_is_made_and_the_exception_of_a_failed_one_is_its_own()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddLarder(options => options.OnInvalidationFailure = SecondLevelFailure.Throw).UseRedis(server.ConnectionString);
        await using var node = await CacheNode.StartAsync(services);
        var user = node.Cache.Resource<int>("user");
        await user.ReadAsync(1, "read", (_, _) => new ValueTask<int>(1));
        await server.KillAsync();
        var saved = false;
        await Assert.ThrowsAsync<SecondLevelException>(async () => await user.WriteAsync(1, _ => { saved = true; return ValueTask.CompletedTask; }));
        Assert.True(saved);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await user.WriteAsync(1, _ => throw new InvalidOperationException("broken")));
        Assert.Equal(2, await user.ReadAsync(1, "read", (_, _) => new ValueTask<int>(2)));
    }

    private static Task<CacheNode> StartAsync()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddLarder();
        return CacheNode.StartAsync(services);
    }
}
