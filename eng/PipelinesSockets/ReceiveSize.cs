namespace Pipelines.Sockets.Unofficial;

/// <summary>
/// Chooses the next receive buffer from the last receives: small for a trickle of short replies, large while a big
/// value streams in. With one fixed small size, values of 1 MB took twice as long.
/// </summary>
internal struct ReceiveSize(int smallest)
{
    private const int Largest = 512 * 1024;

    private readonly int _smallest = Math.Min(smallest, Largest);

    public int Next { get; private set; } = Math.Min(smallest, Largest);

    public void Observe(int received, int offered)
    {
        if (received == offered)
        {
            Next = Math.Min(Next * 2, Largest);
        }
        else if (received < Next / 4)
        {
            Next = Math.Max(Next / 2, _smallest);
        }
    }
}
