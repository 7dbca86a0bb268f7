namespace Larder.Consistency.Tests.Interleavings;

/// <summary>Tags that only the factory names.</summary>
public sealed class LateTagTests : Stage
{
    /// <summary>Neither caller knows the tag when the second one comes.</summary>
    [Fact]
    public async Task A_caller_after_a_tags_removal_does_not_join_a_load_that_comes_to_name_it()
    {
        var gate = new Gate();
        var version = 1;
        var before = LoadAsync(gate.PassAsync);
        await gate.Reached;

        version = 2;
        await One.Cache.RemoveByTagAsync("tag");
        var after = LoadAsync(() => Task.CompletedTask);
        gate.Open();
        Assert.Equal(2, await after);
        Assert.Equal(1, await before);
        Assert.Equal(2, await LoadAsync(() => Task.CompletedTask));

        Task<int> LoadAsync(Func<Task> pass) => One.Cache.GetOrCreateAsync("key", async (CacheEntryContext entry, CancellationToken _) =>
        {
            var read = Volatile.Read(ref version);
            await pass();
            entry.Tags.Add("tag");
            return read;
        }).AsTask().WaitAsync(Patience);
    }

    [Fact]
    public async Task A_load_that_comes_to_name_a_tag_another_node_removed_meanwhile_is_not_stored()
    {
        Two.Transport.Receiving = (_, _) => { };
        var gate = new Gate();
        var version = 1;
        var before = LoadAsync(gate.PassAsync);
        await gate.Reached;
        version = 2;
        await One.Cache.RemoveByTagAsync("tag");
        gate.Open();
        Assert.Equal(1, await before);
        Assert.Equal(2, await LoadAsync(() => Task.CompletedTask));

        Task<int> LoadAsync(Func<Task> pass) => Two.Cache.GetOrCreateAsync("key", async (CacheEntryContext entry, CancellationToken _) =>
        {
            var read = Volatile.Read(ref version);
            await pass();
            entry.Tags.Add("tag");
            return read;
        }).AsTask().WaitAsync(Patience);
    }
}
