namespace Larder.Engine;

/// <summary>What the values of a namespace are wrapped in on their way to the second level.</summary>
internal sealed record LayerRules
{
    public LayerRules(LarderOptions options, NamespaceOptions? forNamespace, bool hasKeys)
    {
        Compression = forNamespace?.Compression ?? options.Compression;
        CompressionThreshold = forNamespace?.CompressionThreshold ?? options.CompressionThreshold;
        Encrypts = forNamespace?.Encrypt ?? options.Encrypt ?? hasKeys;
        AcceptsUnencrypted = forNamespace?.AcceptUnencrypted ?? options.AcceptUnencrypted;
    }

    public CacheCompression Compression { get; }

    public int CompressionThreshold { get; }

    public bool Encrypts { get; }

    /// <summary>Whether entries that are not encrypted are read where new ones are.</summary>
    public bool AcceptsUnencrypted { get; }

    /// <summary>Whether an entry may be read that is encrypted or not as its header says.</summary>
    public bool Accept(in EntryHeader header) => !Encrypts || AcceptsUnencrypted || (header.Layers & PayloadLayer.Encrypted) != 0;

    /// <summary>What is out of its range, under the names of the options.</summary>
    public IEnumerable<(string Name, object? Value, string Expected)> Faults(bool hasKeys)
    {
        if (!Enum.IsDefined(Compression))
        {
            yield return (nameof(Compression), Compression, "None, Brotli or Deflate");
        }

        if (CompressionThreshold < 0)
        {
            yield return (nameof(CompressionThreshold), CompressionThreshold, "zero or more bytes");
        }

        if (Encrypts && !hasKeys)
        {
            yield return (nameof(LarderOptions.Encrypt), Encrypts, "false, or keys must be given: services.AddLarder().AddEncryption(…)");
        }
    }
}
