using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Docs.Tests;

/// <summary>Holds the page of metrics to the meter.</summary>
public sealed partial class MetricsPageTests
{
    private const string Page = "docs/metrics.md";

    [Fact]
    public async Task The_page_has_a_row_for_each_instrument_of_the_meter_and_no_other()
    {
        var instruments = await InstrumentsAsync();
        var rows = Row().Matches(WorkingCopy.Instance.Read(Page)).Select(row => row.Groups["name"].Value).ToList();

        Assert.NotEmpty(instruments);
        Assert.Equal(instruments.Select(instrument => instrument.Name).Order(StringComparer.Ordinal), rows.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Each_row_names_the_unit_of_its_instrument()
    {
        var units = (await InstrumentsAsync()).ToDictionary(instrument => instrument.Name, instrument => instrument.Unit);

        Assert.All(
            Row().Matches(WorkingCopy.Instance.Read(Page)),
            row => Assert.Contains($"`{units[row.Groups["name"].Value]}`", row.Value, StringComparison.Ordinal));
    }

    private static async Task<IReadOnlyCollection<Instrument>> InstrumentsAsync()
    {
        var instruments = new ConcurrentDictionary<string, Instrument>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == "Larder")
                {
                    instruments[instrument.Name] = instrument;
                }
            },
        };
        listener.Start();
        await using var provider = new ServiceCollection().AddLarder().Services.BuildServiceProvider();
        _ = provider.GetRequiredService<HybridCache>();
        return [.. instruments.Values];
    }

    [GeneratedRegex(@"^\| `(?<name>larder\.[a-z_.]+)` \|.*$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
