using Larder.Backplane;
using Larder.Diagnostics;
using Larder.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Larder.Tests.Engine;

/// <summary>Engines without a container, for tests of what is inside.</summary>
internal static class TestEngine
{
    /// <summary>A busy machine must not look like a second level that is away.</summary>
    public static void Patient(LarderOptions options) => options.SecondLevelTimeout = TimeSpan.FromSeconds(20);

    public static CacheEngine InMemory(Action<LarderOptions>? configure = null, TimeProvider? time = null, Action<IServiceCollection>? register = null) =>
        Create(null, null, configure, time, register: register);

    public static CacheEngine Create(
        SecondLevel? second,
        IBackplaneTransport? backplane,
        Action<LarderOptions>? configure = null,
        TimeProvider? time = null,
        ILogger? logger = null,
        LarderMetrics? metrics = null,
        Action<IServiceCollection>? register = null)
    {
        var options = new LarderOptions();
        configure?.Invoke(options);
        var services = new ServiceCollection();
        register?.Invoke(services);
        return new CacheEngine(
            options, time ?? TimeProvider.System, new Serializers(services.BuildServiceProvider()), second, backplane, metrics ?? new LarderMetrics(null), logger ?? NullLogger.Instance);
    }
}
