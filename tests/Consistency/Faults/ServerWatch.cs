using System.Diagnostics;
using System.Net.Sockets;
using Larder.Consistency.Checking;
using Larder.Tests.Shared;

namespace Larder.Consistency.Faults;

/// <summary>
/// Notes when a server did not come to answer a PING, as on a machine with more work than cores: what it has to pass on
/// to the nodes waits as long. Faults that are injected show here too and excuse nothing beyond what they take.
/// </summary>
internal sealed class ServerWatch : IAsyncDisposable
{
    private static readonly TimeSpan Worth = TimeSpan.FromMilliseconds(50);

    private readonly TimeSpan _grace;
    private readonly List<Disturbance> _stalls = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;

    public ServerWatch(IEnumerable<Server> servers, TimeSpan grace)
    {
        _grace = grace;
        _watching = Task.WhenAll(servers.Select(server => Task.Run(() => WatchAsync(server))));
    }

    public async Task AddToAsync(History history)
    {
        await _stop.CancelAsync();
        await _watching;
        history.Disturbances.AddRange(_stalls);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        _stop.Dispose();
    }

    private async Task WatchAsync(Server server)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await server.OpenAsync(_stop.Token);
                while (true)
                {
                    var from = Stopwatch.GetTimestamp();
                    await connection.ExecuteAsync(["PING"], _stop.Token);
                    var to = Stopwatch.GetTimestamp();
                    if (Stopwatch.GetElapsedTime(from, to) > Worth)
                    {
                        lock (_stalls)
                        {
                            _stalls.Add(new Disturbance("server stall", -1, from, to, _grace));
                        }
                    }

                    await Task.Delay(20, _stop.Token);
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException or RespException)
            {
                // Killed, restarted, or the end of the run.
                await Task.Delay(20, CancellationToken.None);
            }
        }
    }
}
