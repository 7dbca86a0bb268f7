using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    [ContractFact]
    public async Task A_null_text_is_a_value_and_is_cached()
    {
        if (KeepsNullApartFromEmpty)
        {
            await NullIsCachedAsync<string>();
        }
    }

    [ContractFact]
    public async Task A_null_object_is_a_value_and_is_cached() => await NullIsCachedAsync<Person>();

    [ContractFact]
    public async Task A_null_number_is_a_value_and_is_cached() => await NullIsCachedAsync<int?>();

    [ContractFact]
    public async Task A_null_array_is_a_value_and_is_cached()
    {
        if (KeepsNullApartFromEmpty)
        {
            await NullIsCachedAsync<byte[]>();
        }
    }

    [ContractFact]
    public async Task Null_can_be_set_over_a_value()
    {
        await Cache.SetAsync("key", "value");
        await Cache.SetAsync<string?>("key", null);
        var source = new CountedFactory<string?>("loaded");

        Assert.Null(await source.ReadAsync(Cache, "key"));
        Assert.Equal(0, source.Calls);
    }

    private async Task NullIsCachedAsync<T>()
    {
        var source = new CountedFactory<T?>(_ => default);
        Assert.Null(await source.ReadAsync(Cache, "key"));
        Assert.Null(await source.ReadAsync(Cache, "key"));
        Assert.Equal(1, source.Calls);

        var other = await StartNodeAsync();
        Assert.Null(await source.ReadAsync(other.Cache, "key"));
        Assert.Equal(IsShared ? 1 : 2, source.Calls);
    }

    public sealed class Person
    {
        public string Name { get; set; } = "";

        public int Age { get; set; }
    }
}
