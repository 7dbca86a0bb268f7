using System.Diagnostics;
using Larder.Consistency.Checking;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Commands;

/// <summary>Whether changes that many make at once are lost.</summary>
internal static class ChangesCommand
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var kind = arguments.Choice("server", ServerKind.Redis);
        var tasks = arguments.Number("tasks", 64);
        var changes = arguments.Number("changes", 1_000);
        var processes = arguments.Number("processes", 2);
        arguments.End();

        await using var server = await TestServer.StartAsync(kind);
        var started = Stopwatch.GetTimestamp();
        var problems = await new LostChanges(server) { Tasks = tasks, Changes = changes, Processes = processes }.RunAsync();
        Console.WriteLine(
            $"{kind}: {tasks} tasks in {processes} processes, {changes:N0} increments, updates and merges each, {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s: {problems.Count} problems");
        foreach (var problem in problems.Take(20))
        {
            Console.WriteLine("  " + problem);
        }

        return problems.Count == 0 ? 0 : 1;
    }

    /// <summary>One of the processes.</summary>
    public static async Task<int> ChangeAsync(string[] arguments)
    {
        ChildProcess.DieWithParent();
        Console.WriteLine(("done " + await LostChanges.ChangeAsync(arguments[0], Console.In, Console.WriteLine)).Trim());
        return 0;
    }
}
