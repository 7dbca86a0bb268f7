using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    [ContractFact]
    public async Task A_key_given_as_span_is_the_same_key()
    {
        var source = new CountedFactory<int>(call => call);
        var characters = "xkey:42x".ToCharArray();

        Assert.Equal(1, await Cache.GetOrCreateAsync(characters.AsSpan(1, 6), source.LoadAsync));
        Assert.Equal(1, await source.ReadAsync(Cache, "key:42"));
        Assert.Equal(1, await Cache.GetOrCreateAsync(characters.AsSpan(1, 6), 0, (_, token) => source.LoadAsync(token)));
    }

    [ContractFact]
    public async Task A_key_given_as_interpolated_text_is_the_same_key()
    {
        var source = new CountedFactory<int>(call => call);
        var id = 42;

        Assert.Equal(1, await Cache.GetOrCreateAsync($"key:{id}", source.LoadAsync));
        Assert.Equal(1, await source.ReadAsync(Cache, "key:42"));
        Assert.Equal(1, await Cache.GetOrCreateAsync($"key:{id}", 0, (_, token) => source.LoadAsync(token)));
    }

    [ContractFact]
    public async Task The_memory_behind_a_span_may_be_reused_as_soon_as_the_call_returns()
    {
        var source = new GatedFactory<string>();
        var characters = "first".ToCharArray();
        var load = Cache.GetOrCreateAsync(characters, source.LoadAsync).AsTask();
        await source.Started;
        "other".CopyTo(characters);
        source.Answer("value of first");
        await load;

        Assert.Equal("value of first", await PeekAsync("first"));
        Assert.Null(await PeekAsync("other"));
    }

    [ContractFact]
    public async Task Callers_with_a_span_and_with_text_share_one_load()
    {
        var source = new GatedFactory<int>();
        var one = Cache.GetOrCreateAsync("key".AsSpan(), source.LoadAsync).AsTask();
        var two = Cache.GetOrCreateAsync("key", source.LoadAsync).AsTask();
        await source.Started;
        source.Answer(1);

        Assert.Equal((int[])[1, 1], await Task.WhenAll(one, two));
        Assert.Equal(1, source.Calls);
    }

    [ContractFact]
    public async Task A_key_of_the_greatest_length_is_cached_and_a_longer_one_is_not()
    {
        var source = new CountedFactory<int>(call => call);
        var longest = new string('k', 1024);
        var tooLong = new string('k', 1025);

        Assert.Equal(1, await source.ReadAsync(Cache, longest));
        Assert.Equal(1, await source.ReadAsync(Cache, longest));
        Assert.Equal(2, await source.ReadAsync(Cache, tooLong));
        Assert.Equal(3, await source.ReadAsync(Cache, tooLong));
    }

    [ContractFact]
    public async Task The_greatest_length_of_a_key_can_be_chosen()
    {
        var node = await StartNodeAsync(options => options.MaximumKeyLength = 5);
        var source = new CountedFactory<int>(call => call);

        Assert.Equal(1, await source.ReadAsync(node.Cache, "12345"));
        Assert.Equal(1, await source.ReadAsync(node.Cache, "12345"));
        Assert.Equal(2, await source.ReadAsync(node.Cache, "123456"));
        Assert.Equal(3, await source.ReadAsync(node.Cache, "123456"));
    }

    [ContractFact]
    public async Task Long_keys_that_differ_at_their_end_have_different_values()
    {
        var stem = new string('k', 1023);
        await Cache.SetAsync(stem + "a", 1);
        await Cache.SetAsync(stem + "b", 2);

        Assert.Equal((int[])[1, 2], await PeekAllAsync(stem + "a", stem + "b"));
    }

    [ContractFact]
    public async Task Keys_with_delimiters_and_placeholders_are_told_apart()
    {
        string[] keys = ["a:b", "a%3Ab", "a%3ab", ":", "::", "t", "t.", "{a}", "a}", "#", "##", "%", "%%", "%25", "*", "?", "[a]", "\\", "😀", "😁"];
        for (var i = 0; i < keys.Length; i++)
        {
            await Cache.SetAsync(keys[i], i + 1);
        }

        Assert.Equal(Enumerable.Range(1, keys.Length), await PeekAllAsync(keys));
    }

    [ContractFact]
    public async Task Keys_with_control_characters_and_lone_surrogates_are_told_apart()
    {
        string[] keys = ["a\0", "a\u0001", "a\r\n", "a\n", "\u007F", "\u0080", "\uD800", "\uDC00", "\uD800\uD800", "\uFFFD"];
        if (!CachesAnyCharacter)
        {
            return;
        }

        for (var i = 0; i < keys.Length; i++)
        {
            await Cache.SetAsync(keys[i], i + 1);
        }

        Assert.Equal(Enumerable.Range(1, keys.Length), await PeekAllAsync(keys));
        var other = await StartNodeAsync();
        for (var i = 0; IsShared && i < keys.Length; i++)
        {
            Assert.Equal(i + 1, await PeekAsync<int>(other.Cache, keys[i]));
        }
    }
}
