namespace Larder.Consistency.Tests.Short;

/// <summary>Runs something several times, for what a machine that stands still hides: one round in which it does not is enough.</summary>
internal static class Rounds
{
    /// <summary>The first round in which something shows, or the last of five.</summary>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> round, Func<T, bool> shows)
    {
        var result = await round();
        for (var i = 1; i < 5 && !shows(result); i++)
        {
            result = await round();
        }

        return result;
    }
}
