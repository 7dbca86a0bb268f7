namespace Larder.Backplane;

/// <summary>What the engine does with what is heard.</summary>
internal interface IBackplaneListener
{
    void OnMessage(in BackplaneMessage message);

    /// <summary>Everything published before <paramref name="sentAt"/> (in the clock's milliseconds) has been heard.</summary>
    void OnHeard(long sentAt);

    /// <summary>Messages were missed, and messages arrive.</summary>
    void OnMissed(string cause);

    /// <summary>Messages may be being missed until the next proof of hearing.</summary>
    void OnInterrupted(string cause);

    /// <summary>The server may have lost what it had acknowledged.</summary>
    void OnServerRestored();
}
