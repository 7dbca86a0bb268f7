using Larder.Consistency.Checking;

namespace Larder.Consistency.Commands;

/// <summary>G7.</summary>
internal static class SoakCommand
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var keys = arguments.Number("keys", 10_000_000);
        var entries = arguments.Number("memory-entries", 20_000);
        var memoryOnly = arguments.Flag("memory-only");
        arguments.End();

        var samples = await new Soak { MemoryEntries = entries, WithSecondLevel = !memoryOnly }.RunAsync(keys);
        var table = new Table("keys and tags", "heap", "entries", "scopes named", "tags alive", "under way", "pending", "time");
        foreach (var sample in samples)
        {
            table.Add(
                sample.Keys, $"{sample.Bytes / 1024d / 1024:0.0} MiB", sample.Entries, sample.Scopes, sample.LiveTags, sample.Flights, sample.Pending, $"{sample.Time.TotalSeconds:0} s");
        }

        table.Print();

        // The first sample is of a process that may not have filled its bounds yet.
        return samples[^1].Bytes < samples.Skip(1).Min(sample => sample.Bytes) * 1.25 ? 0 : 1;
    }
}
