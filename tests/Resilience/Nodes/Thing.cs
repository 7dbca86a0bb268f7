namespace Larder.Resilience.Nodes;

/// <summary>A value that is serialized, and says whose it is.</summary>
internal sealed class Thing
{
    public string Key { get; set; } = "";

    public long Version { get; set; }

    public string Text { get; set; } = "";

    public static Thing Of(string key, long version) => new() { Key = key, Version = version, Text = Filler(key) };

    public bool IsOf(string key) => Key == key && Text == Filler(key);

    // Some hundred characters that differ from key to key, so that a value patched together from two is found out.
    private static string Filler(string key) => string.Concat(Enumerable.Repeat(key + ".", 20));
}
