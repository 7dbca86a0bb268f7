namespace Larder;

/// <summary>
/// The second level, or what carries messages to the other nodes, did not answer, and the options ask for an exception
/// (<see cref="SecondLevelFailure.Throw"/>). The message says what holds nevertheless.
/// </summary>
public sealed class SecondLevelException : Exception
{
    /// <summary>Makes one.</summary>
    /// <param name="message">What happened, and what holds.</param>
    /// <param name="innerException">Why there was no answer, if that is known. Default null.</param>
    public SecondLevelException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
