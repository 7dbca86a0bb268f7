using Larder.Consistency.Commands;

const string Help =
    """
    Checks what Larder promises about consistency, on servers that it starts itself.

      check      G1, G2: random reads, writes and invalidations; looks for stale reads and lost invalidations
                   --server redis|valkey|redis-cluster|valkey-cluster|sentinel   --nodes 3   --processes
                   --operations 1000000   --seconds 1800   --readers 32  --writers 2   --seed 1
                   --faults none|all|drop,reorder,subscriptions,connections,flush,evict,freeze,restart,failover,kill-master,pause,kill
                   --skew 10000   --load 20   --level-delay 10   --backplane-delay 30   (milliseconds)
                   --backplane-timeout 2000   --lease 2000   --tenants 3   --keys 40   --tags 8
                   --policies   (all of them, and a source that fails)
                   --broken leases|stamps|refresh   (must be found out)   --cache simple   (another cache, to compare)

      g5         one load per key: many callers in several processes, and a loader that is killed
                   --server redis   --processes 4   --callers 1000   --rounds 3   --lease 2000
      g6         what removing a tag costs with 1,000 entries under it, 10,000 …
                   --server redis   --entries 1000000
      g7         ever new keys, tags and namespaces through one process: memory must stay flat
                   --keys 10000000   --memory-entries 20000   --memory-only
      backplane  delivery times, and messages per second between two nodes
                   --server redis   --messages 5000   --seconds 5
      stampede   a hot key that expires while many read it: with early refresh nobody waits
                   --callers 50   --seconds 10
      indexes    index sets, while writers overwrite, remove, invalidate and let expire what belongs to them
                   --server memory|redis|valkey|redis-cluster|…   --seconds 60   --writers 8   --entries 10000   --seed 1
      changes    counters, updates and merges on one key each, by many tasks in several processes: none is lost
                   --server redis   --processes 2   --tasks 64   --changes 1000
      pages      cached pages of several web applications, read and changed over HTTP: none is stale
                   --server redis   --processes 2   --requests 100000   --window 1000   (milliseconds for the other applications)
                   --outages   (the server is killed for 5 s every 20 s, and no request may fail)
                   --broken   (must be found out)

    Exit code: 0 when what was promised held, 1 when not, 2 for a wrong command line.
    """;

try
{
    switch (args is [var command, ..] ? command : "--help")
    {
        case "check":
            return await CheckCommand.RunAsync(new Arguments(args[1..]));
        case "g5":
            return await LoadsCommand.RunAsync(new Arguments(args[1..]));
        case "g6":
            return await TagsCommand.RunAsync(new Arguments(args[1..]));
        case "g7":
            return await SoakCommand.RunAsync(new Arguments(args[1..]));
        case "backplane":
            return await BackplaneCommand.RunAsync(new Arguments(args[1..]));
        case "stampede":
            return await StampedeCommand.RunAsync(new Arguments(args[1..]));
        case "indexes":
            return await IndexesCommand.RunAsync(new Arguments(args[1..]));
        case "changes":
            return await ChangesCommand.RunAsync(new Arguments(args[1..]));
        case "changer":
            return await ChangesCommand.ChangeAsync(args[1..]);
        case "pages":
            return await PagesCommand.RunAsync(new Arguments(args[1..]));
        case "pages-node":
            return await PagesCommand.ServeAsync(args[1..]);
        case "loader":
            return await LoaderCommand.RunAsync(args[1..]);
        case "node":
            return await NodeCommand.RunAsync(args[1..]);
        default:
            Console.WriteLine(Help);
            return args is ["--help" or "-h" or "help", ..] ? 0 : 2;
    }
}
catch (Exception exception) when (exception is FormatException or ArgumentException)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}
