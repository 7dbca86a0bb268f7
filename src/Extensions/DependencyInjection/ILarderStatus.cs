namespace Larder;

/// <summary>Says what the cache runs on and whether that answers. The same is logged once when the application's host starts.</summary>
public interface ILarderStatus
{
    /// <summary>Looks now. With a server it asks that, and waits ten seconds for it at most.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="FormatException">The server's address, or a variable that names it, has a wrong value.</exception>
    ValueTask<LarderReport> GetAsync(CancellationToken cancellationToken = default);
}
