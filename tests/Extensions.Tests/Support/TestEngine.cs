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
    public static CacheEngine InMemory(Action<LarderOptions>? configure = null, TimeProvider? time = null) => Create(null, null, configure, time);

    public static CacheEngine Create(
        SecondLevel? second,
        IBackplaneTransport? backplane,
        Action<LarderOptions>? configure = null,
        TimeProvider? time = null,
        ILogger? logger = null,
        LarderMetrics? metrics = null)
    {
        var options = new LarderOptions();
        configure?.Invoke(options);
        return new CacheEngine(
            options, time ?? TimeProvider.System, new Serializers(new ServiceCollection().BuildServiceProvider()), second, backplane, metrics ?? new LarderMetrics(null), logger ?? NullLogger.Instance);
    }
}
