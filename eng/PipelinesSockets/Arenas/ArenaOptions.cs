namespace Pipelines.Sockets.Unofficial.Arenas;

/// <summary>Accepted for the caller's sake. This arena always uses managed memory and always clears it.</summary>
[Flags]
public enum ArenaFlags
{
    None = 0,
    ClearAtReset = 1,
    PreferManaged = 16,
}

/// <summary>How an arena sizes its blocks and how much it keeps from one round to the next.</summary>
public sealed class ArenaOptions
{
    private const int DefaultBlockSize = 128;

    /// <param name="flags">Ignored, see <see cref="ArenaFlags"/>.</param>
    /// <param name="blockSize">Elements in the first block; zero or less for the default.</param>
    /// <param name="retentionPolicy">From (elements kept so far, elements used this round) to elements to keep.</param>
    public ArenaOptions(ArenaFlags flags = ArenaFlags.None, int blockSize = 0, Func<long, long, long>? retentionPolicy = null)
    {
        Flags = flags;
        BlockSize = blockSize > 0 ? blockSize : DefaultBlockSize;
        RetentionPolicy = retentionPolicy ?? Decay;
    }

    public ArenaFlags Flags { get; }

    public int BlockSize { get; }

    public Func<long, long, long> RetentionPolicy { get; }

    internal static ArenaOptions Default { get; } = new();

    // One huge reply must not pin its memory for the life of the connection, nor must a busy one reallocate each time.
    private static long Decay(long kept, long used) => Math.Max(used, kept - (kept / 8) - 1);
}

/// <summary>Only its type is needed: callers pass null.</summary>
public abstract class Allocator<T>
{
    private protected Allocator()
    {
    }
}
