using System.Diagnostics;
using System.Globalization;

namespace Larder.Tests.Shared;

/// <summary>What the system says about a process by its id.</summary>
public static class ProcessState
{
    /// <summary>Whether the process exists and is more than a zombie.</summary>
    public static bool IsAlive(int processId) => Letter(processId) is not (null or 'Z' or 'X');

    /// <summary>Whether the process is frozen by SIGSTOP.</summary>
    public static bool IsStopped(int processId) => Letter(processId) is 'T';

    private static char? Letter(int processId)
    {
        if (!OperatingSystem.IsLinux())
        {
            return LetterFromPs(processId);
        }

        try
        {
            // "1234 (name) S …"; the name may itself contain brackets.
            var line = File.ReadAllText($"/proc/{processId}/stat");
            return line[line.LastIndexOf(')') + 2];
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static char? LetterFromPs(int processId)
    {
        var start = new ProcessStartInfo("/bin/ps")
        {
            ArgumentList = { "-o", "state=", "-p", processId.ToString(CultureInfo.InvariantCulture) },
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        return process.StandardOutput.ReadToEnd().Trim() is [var letter, ..] ? letter : null;
    }
}
