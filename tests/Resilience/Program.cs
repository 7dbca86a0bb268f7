using Larder.Consistency.Commands;
using Larder.Resilience.Commands;
using Larder.Resilience.Faults;

const string Help =
    """
    Shows what callers of the cache see while its server has a fault, on servers that it starts itself.

      --scenario all|NAME,NAME   --server all|redis|valkey
      --seconds 10         before the fault, and after it at least        --fault-seconds 30   how long it lasts
      --callers 200        concurrent callers, half of them on each of two nodes
      --pace 10            milliseconds between two calls of a caller, on average
      --options "BackplaneTimeout=00:00:02;Jitter=0.1"   any setting of LarderOptions
      --broken throws|mixes-up|forgets-all   (must be found out)
      --details            second-level hits, loads against what memory alone would need, how late the machine was

    Exit code: 0 when no call failed, no value was another key's and the server was used again; 1 when not; 2 for a wrong command line.
    """;

if (args is ["--help" or "-h" or "help", ..])
{
    Console.WriteLine(Help);
    Console.WriteLine("Scenarios:");
    foreach (var scenario in Scenario.All)
    {
        Console.WriteLine($"  {scenario.Name,-18} {scenario.Summary}");
    }

    return 0;
}

try
{
    return await MatrixCommand.RunAsync(new Arguments(args));
}
catch (Exception exception) when (exception is FormatException or ArgumentException)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}
