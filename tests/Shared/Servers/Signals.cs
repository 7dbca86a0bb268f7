using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Larder.Tests.Shared;

/// <summary>The signals that <see cref="System.Diagnostics.Process"/> cannot send.</summary>
internal static class Signals
{
    private const int NoSuchProcess = 3;

    internal static void Kill(int processId) => Send(processId, 9);

    internal static void Stop(int processId) => Send(processId, OperatingSystem.IsMacOS() ? 17 : 19);

    internal static void Continue(int processId) => Send(processId, OperatingSystem.IsMacOS() ? 19 : 18);

    private static void Send(int processId, int signal)
    {
        if (SendSignal(processId, signal) != 0 && Marshal.GetLastPInvokeError() is var error and not NoSuchProcess)
        {
            throw new Win32Exception(error);
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int processId, int signal);
}
