using Larder.Tests.Shared;
using Larder.Tests.Shared.Tests;

// Roles that tests give to a process of their own; see ChildProcess.
switch (args)
{
    case ["start", var state]:
        var server = await TestServers.StartNewAsync(ServerKind.Redis);
        if (state == "suspended")
        {
            await server.SuspendAsync();
        }

        Console.WriteLine($"{server.Process.ProcessId} {server.Process.Folder}");
        await Task.Delay(Timeout.Infinite);
        return 0;

    case ["skip-reasons"]:
        foreach (var reason in Discovery.SkipReasons())
        {
            Console.WriteLine(reason);
        }

        return 0;

    case ["find"]:
        try
        {
            Console.WriteLine(ServerBinary.Find(ServerKind.Redis));
            return 0;
        }
        catch (ServerMissingException exception)
        {
            Console.WriteLine(exception.Message);
            return 1;
        }

    default:
        Console.Error.WriteLine("These are tests: run them with dotnet test.");
        return 2;
}
