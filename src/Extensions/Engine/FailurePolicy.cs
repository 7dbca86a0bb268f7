namespace Larder.Engine;

/// <summary>Whether the caller of an operation is told that the second level or the other nodes were not.</summary>
/// <param name="Policy">What the options say.</param>
/// <param name="Option">Which option that is.</param>
internal readonly record struct FailurePolicy(SecondLevelFailure Policy, string Option)
{
    /// <exception cref="SecondLevelException">The policy is <see cref="SecondLevelFailure.Throw"/>.</exception>
    public void ThrowIfAsked(string whatHolds, Exception? cause)
    {
        if (Policy == SecondLevelFailure.Throw)
        {
            throw new SecondLevelException($"{whatHolds} (LarderOptions.{Option} is Throw.)", cause);
        }
    }
}
