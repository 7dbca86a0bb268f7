using System.Globalization;
using System.Net;
using Larder.Distributed;
using Larder.Redis;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Larder;

/// <summary>Finds out what the cache runs on, for whoever asks and for the report at start.</summary>
internal sealed class LarderStatus(IServiceProvider provider, LarderServer server, IOptions<LarderOptions> options, LarderMarker marker, TimeProvider time) : ILarderStatus
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public async ValueTask<LarderReport> GetAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (backend, source) = server.Choice is { } choice ? (choice.Backend, choice.Source)
            : server.Connection is not null ? ("server", "UseRedis")
            : DistributedStore.Registered(provider, marker) is { } distributed && distributed.GetType() != typeof(MemoryDistributedCache) ? ("distributed cache", distributed.GetType().Name)
            : ("memory", new LarderEnvironment(provider.GetService<IConfiguration>()).IsMemory ? "CACHE_BACKEND" : "no server is configured");
        var failure = server.Connection is { } connection ? await FailureAsync(connection, cancellationToken).ConfigureAwait(false) : null;
        var isCaching = options.Value.DefaultExpiration > TimeSpan.Zero;
        var reason = failure is not null ? $"it does not answer ({failure})."
            : server.Connection is not null ? "it answers."
            : "it needs no server.";
        if (!isCaching)
        {
            reason += " DefaultExpiration is zero, so nothing is cached that does not say for how long.";
        }

        return new LarderReport(backend, source, failure is null, reason, Settings()) { IsCaching = isCaching };
    }

    private async ValueTask<string?> FailureAsync(RedisConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            var asking = PingAsync(connection);
            _ = asking.ContinueWith(static late => _ = late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            await asking.WaitAsync(Patience, time, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception exception)
        {
            // Only what kind of failure it is: a message of the client's or of the application's own factory may quote anything.
            return exception is StackExchange.Redis.RedisConnectionException redis ? $"{nameof(StackExchange.Redis.RedisConnectionException)}: {redis.FailureType}" : exception.GetType().Name;
        }
    }

    private static async Task PingAsync(RedisConnection connection)
    {
        var database = await connection.DatabaseAsync().ConfigureAwait(false);
        await database.PingAsync().ConfigureAwait(false);
    }

    private Dictionary<string, string> Settings()
    {
        var value = options.Value;
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [nameof(value.Prefix)] = value.Prefix,
            [nameof(value.Version)] = value.Version,
            [nameof(value.DefaultExpiration)] = Text(value.DefaultExpiration),
            [nameof(value.MaximumMemoryEntries)] = Text(value.MaximumMemoryEntries),
            [nameof(value.MaximumMemoryBytes)] = Text(value.MaximumMemoryBytes),
            [nameof(value.SecondLevelTimeout)] = Text(value.SecondLevelTimeout),
            [nameof(value.Statistics)] = Text(value.Statistics),
            ["WrapsHybridCache"] = Text(marker.WrapsForeign),
        };
        if (server.Choice?.Configuration is { } configuration)
        {
            settings["Hosts"] = string.Join(',', configuration.EndPoints.Select(Text));
            settings["Database"] = Text(configuration.DefaultDatabase ?? 0);
            settings["Tls"] = Text(configuration.Ssl);
            settings["HasPassword"] = Text(configuration.Password is not null);
        }

        return settings;
    }

    private static string Text(EndPoint endPoint) => endPoint is DnsEndPoint dns ? Text($"{dns.Host}:{dns.Port}") : endPoint.ToString()!;

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    private static string Text(bool value) => value ? "true" : "false";
}
