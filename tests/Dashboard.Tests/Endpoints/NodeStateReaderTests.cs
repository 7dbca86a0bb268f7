using System.Globalization;
using Larder.Dashboard;
using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Xunit;

namespace Larder.Tests;

/// <summary>How often the server is asked for the state that is shown.</summary>
public sealed class NodeStateReaderTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly CountingStatus _status = new();
    private readonly ServiceProvider _services;
    private readonly NodeStateReader _reader;

    public NodeStateReaderTests()
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(_time);
        services.AddLarder();
        services.Replace(ServiceDescriptor.Singleton<ILarderStatus>(_status));
        _services = services.BuildServiceProvider();
        _reader = _services.GetRequiredService<NodeStateReader>();
    }

    public void Dispose() => _services.Dispose();

    [Fact]
    public async Task Many_who_ask_within_five_seconds_share_one_answer()
    {
        var states = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _reader.ReadAsync(default).AsTask()));
        _time.Advance(TimeSpan.FromSeconds(4.9));
        var later = await _reader.ReadAsync(default);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        var afterwards = await _reader.ReadAsync(default);

        Assert.All(states, state => Assert.Equal("answer 1", state.Backend));
        Assert.Equal(("answer 1", "answer 2"), (later.Backend, afterwards.Backend));
    }

    [Fact]
    public async Task Nobody_waits_longer_than_a_second_and_no_second_question_is_asked_meanwhile()
    {
        await _reader.ReadAsync(default);
        _time.Advance(TimeSpan.FromSeconds(6));
        _status.Pause();

        for (var i = 0; i < 3; i++)
        {
            var waiting = _reader.ReadAsync(default).AsTask();
            await Poll.UntilAsync(() => _status.Asked >= 2, "the question has been asked");
            await Poll.UntilAsync(
                () =>
                {
                    _time.Advance(TimeSpan.FromSeconds(1));
                    return waiting.IsCompleted;
                },
                "the wait has ended");
            Assert.Equal("answer 1", (await waiting).Backend);
        }

        Assert.Equal(2, _status.Asked);
    }

    private sealed class CountingStatus : ILarderStatus
    {
        private Task _pause = Task.CompletedTask;
        private int _asked;

        public int Asked => Volatile.Read(ref _asked);

        public void Pause() => _pause = new TaskCompletionSource().Task;

        public async ValueTask<LarderReport> GetAsync(CancellationToken cancellationToken = default)
        {
            var number = Interlocked.Increment(ref _asked);
            await _pause;
            return new LarderReport("answer " + number.ToString(CultureInfo.InvariantCulture), "test", true, "", new Dictionary<string, string>());
        }
    }
}
