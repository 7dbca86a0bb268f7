using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.DependencyInjection;

/// <summary>The minimum of the thread pool, which is one for the whole process.</summary>
[Collection(Alone.Name)]
public sealed class PoolThreadsTests : IDisposable
{
    private readonly (int Workers, int Ports) _before = Minimum;

    private static (int Workers, int Ports) Minimum
    {
        get
        {
            ThreadPool.GetMinThreads(out var workers, out var ports);
            return (workers, ports);
        }
    }

    public void Dispose() => ThreadPool.SetMinThreads(_before.Workers, _before.Ports);

    [Theory]
    [InlineData(2, 16, 16)]
    [InlineData(2, 0, 2)]
    [InlineData(20, 16, 20)]
    public async Task Is_raised_when_a_server_is_used_and_never_lowered(int before, int asked, int after)
    {
        ThreadPool.SetMinThreads(before, _before.Ports);

        // Nobody listens there: the threads are wanted when the server cannot be reached.
        await UseAsync(services => services.AddLarder(options => options.MinimumPoolThreads = asked).UseRedis("127.0.0.1:1,connectTimeout=100,connectRetry=1"));

        Assert.Equal((after, _before.Ports), Minimum);
    }

    [Fact]
    public async Task Is_raised_for_a_connection_of_the_application_too()
    {
        ThreadPool.SetMinThreads(2, _before.Ports);
        var seen = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);

        await UseAsync(services => services.AddLarder().UseRedis(_ =>
        {
            seen.TrySetResult(Minimum.Workers);
            throw new InvalidOperationException("No connection.");
        }));

        // The client's first steps block threads already.
        Assert.Equal(16, await seen.Task.WaitAsync(Poll.DefaultDeadline));
    }

    [Fact]
    public async Task Is_left_alone_in_memory()
    {
        ThreadPool.SetMinThreads(2, _before.Ports);

        await UseAsync(services => services.AddLarder());

        Assert.Equal(2, Minimum.Workers);
    }

    // What is disposed of has ended its attempts to connect.
    private static async Task UseAsync(Action<IServiceCollection> add)
    {
        var services = new ServiceCollection();
        add(services);
        await using var provider = services.BuildServiceProvider();
        Assert.Equal("value", await provider.GetRequiredService<HybridCache>().GetOrCreateAsync("key", _ => new ValueTask<string>("value")));
    }
}
