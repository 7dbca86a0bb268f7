using System.Globalization;

namespace Larder.Tests.Namespaces;

/// <summary>A sum that half of the workers add to, and one number of each of the others.</summary>
internal sealed record Counts(int Total, Dictionary<string, int> Of);

/// <summary>Workers that change one value: half of them by what it is, the others by a field that nobody else has.</summary>
internal static class UpdateStress
{
    /// <summary>One worker. Of four, two add one to the total in each round, and two count in a field of their own.</summary>
    public static async Task RunAsync(CacheNamespace cache, string key, int worker, int rounds)
    {
        var name = worker.ToString(CultureInfo.InvariantCulture);
        for (var round = 1; round <= rounds; round++)
        {
            var isThere = worker % 4 < 2
                ? (await cache.UpdateAsync(key, (Counts counts) => counts with { Total = counts.Total + 1 })).IsFound
                : await cache.UpdateAsync(key, new { Of = new Dictionary<string, int> { [name] = round } });
            if (!isThere)
            {
                throw new InvalidOperationException($"In round {round} of worker {worker} the value is gone.");
            }
        }
    }
}
