using System.Diagnostics;
using System.Globalization;

namespace Larder.Benchmarks;

/// <summary>
/// The page hits of <see cref="PageHitBenchmarks"/> in short turns, one kind after the other. Of each kind the fastest tenth of the turns counts: on a machine that has other work too,
/// these are the ones that were left alone, and all kinds had the same machine.
/// </summary>
internal static class PageTurns
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(30);

    public static async Task RunAsync()
    {
        foreach (var bytes in (int[])[1024, 65_536, 1_048_576])
        {
            var pages = new PageHitBenchmarks { Bytes = bytes };
            pages.SetUp();
            Kind[] kinds =
            [
                new("no cache", pages.None, 200), new("framework, memory", pages.Memory, 200), new("Larder, memory", pages.Larder, 200),
                new("framework, plain Redis store", pages.Redis, 10), new("Larder, second level", pages.LarderServer, 10),
            ];
            var end = Stopwatch.GetTimestamp() + (long)(Duration.TotalSeconds * Stopwatch.Frequency);
            while (Stopwatch.GetTimestamp() < end)
            {
                foreach (var kind in kinds)
                {
                    await kind.TakeTurnAsync();
                }
            }

            foreach (var kind in kinds)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{bytes,9} B  {kind.Name,-28}  {kind.Tenth / 1000,8:0.00} µs  {kind.Tenth / kinds[1].Tenth,7:0.00}"));
            }

            pages.CleanUp();
        }
    }

    private sealed class Kind(string name, Func<Task<long>> request, int requests)
    {
        private readonly List<double> _turns = [];

        public string Name { get; } = name;

        /// <summary>Nanoseconds of a request, in the slowest turn of the fastest tenth.</summary>
        public double Tenth => _turns.Order().ElementAt(_turns.Count / 10);

        public async Task TakeTurnAsync()
        {
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; i < requests; i++)
            {
                await request();
            }

            _turns.Add(Stopwatch.GetElapsedTime(began).TotalNanoseconds / requests);
        }
    }
}
