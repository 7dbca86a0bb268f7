using System.Diagnostics;
using System.Globalization;
using Larder.Consistency.Nodes;

namespace Larder.Consistency.Commands;

/// <summary>A node process for G5: lets many callers ask for one key at once.</summary>
internal static class LoaderCommand
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        ChildProcess.DieWithParent();
        var lease = TimeSpan.FromMilliseconds(double.Parse(arguments[1], CultureInfo.InvariantCulture));

        // Who gets no answer in time loads for itself. What is asked here is how often it is loaded when the server answers, however busy the machine is.
        await using var node = new PlainNode(arguments[0], options => (options.LeaseDuration, options.SecondLevelTimeout) = (lease, TimeSpan.FromSeconds(20)));
        await node.ReadyAsync();
        Console.WriteLine("ready");
        while (await Console.In.ReadLineAsync() is { } line)
        {
            // go KEY CALLERS LOAD
            var words = line.Split(' ');
            await AskAsync(node, words[1], int.Parse(words[2], CultureInfo.InvariantCulture), int.Parse(words[3], CultureInfo.InvariantCulture));
        }

        return 0;
    }

    private static async Task AskAsync(PlainNode node, string key, int callers, int load)
    {
        var loads = 0;
        var started = Stopwatch.GetTimestamp();
        var answers = await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () => await node.Cache.GetOrCreateAsync(key, async _ =>
        {
            Interlocked.Increment(ref loads);
            Console.WriteLine("loading");
            await Task.Delay(load, CancellationToken.None);
            return Guid.NewGuid().ToString();
        }))));
        var took = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"done {loads} {took:0} {string.Join(',', answers.Distinct())}"));
    }
}
