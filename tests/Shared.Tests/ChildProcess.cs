using System.Diagnostics;

namespace Larder.Tests.Shared.Tests;

/// <summary>Starts this assembly's <c>Program.cs</c> as a process of its own, with an environment of its own.</summary>
internal static class ChildProcess
{
    internal static Process Start(string[] arguments, params (string Name, string? Value)[] environment)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { "exec", typeof(ChildProcess).Assembly.Location },
            RedirectStandardOutput = true,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    internal static async Task<(int ExitCode, string[] Lines)> RunAsync(string[] arguments, params (string Name, string? Value)[] environment)
    {
        using var process = Start(arguments, environment);
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
    }
}
