using System.Globalization;
using System.Reflection;
using System.Text;
using Microsoft.CodeAnalysis.Emit;

namespace Larder.Docs.Tests;

/// <summary>Runs a page in this process and compares what it prints with what it says.</summary>
internal static class PageRunner
{
    /// <summary>A type of the program through which it prints.</summary>
    public const string OutputType = "Larder.Docs.Tests.Program.Output";

    private const string Output = """
        namespace Larder.Docs.Tests.Program;

        internal static class Output
        {
            public static System.Func<int, System.IO.TextWriter> Of = null!;
        }
        """;

    /// <summary>Everything that is wrong with the page, by line.</summary>
    /// <param name="page">The page.</param>
    /// <param name="arguments">The application's command line, which wins over the page's own settings.</param>
    /// <param name="limit">How long it may take. One that takes longer is reported and left behind.</param>
    public static async Task<IReadOnlyList<string>> RunAsync(RunnablePage page, IReadOnlyList<string> arguments, TimeSpan limit)
    {
        var problems = new List<string>(page.Problems);
        if (problems.Count > 0 || Compile(page, problems) is not { EntryPoint: { } main } program)
        {
            return problems;
        }

        var printed = page.Checks.Select(_ => new List<string>()).ToList();
        program.GetType(OutputType)!.GetField("Of")!.SetValue(null, (int check) => new CheckWriter(printed[check]));
        if (await RunAsync(main, [.. page.Settings, .. arguments], limit) is { } failure)
        {
            problems.Add(failure is TimeoutException ? $"{page.File}: has not ended after {limit}" : $"{Where(page, failure)}: {failure}");
        }

        foreach (var (check, lines) in page.Checks.Zip(printed))
        {
            string[] found;
            lock (lines)
            {
                found = [.. lines];
            }

            if (found.Length == 0)
            {
                problems.Add($"{check.File}({check.Line}): has printed nothing, and should '{check.Expected}'");
            }

            problems.AddRange(found.Where(line => line != check.Expected).Distinct()
                .Select(line => $"{check.File}({check.Line}): has printed '{line}', and should '{check.Expected}'"));
        }

        return problems;
    }

    private static Assembly? Compile(RunnablePage page, List<string> problems)
    {
        using var code = new MemoryStream();
        using var symbols = new MemoryStream();
        var result = DocsCompilation.Create(true, DocsCompilation.Parse(page.Source), DocsCompilation.Parse(Output))
            .Emit(code, symbols, options: new EmitOptions(debugInformationFormat: DebugInformationFormat.PortablePdb));
        problems.AddRange(DocsCompilation.Messages(result.Diagnostics));
        return problems.Count > 0 ? null : Assembly.Load(code.ToArray(), symbols.ToArray());
    }

    /// <remarks>On a thread of its own: a program that waits for ever must take none that others need.</remarks>
    private static async Task<Exception?> RunAsync(MethodInfo main, string[] arguments, TimeSpan limit)
    {
        var end = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
            try
            {
                main.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [arguments], null);
                end.SetResult(null);
            }
            catch (Exception exception)
            {
                end.SetResult(exception);
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        try
        {
            return await end.Task.WaitAsync(limit);
        }
        catch (TimeoutException exception)
        {
            return exception;
        }
    }

    /// <summary>The line of the page that the exception went through last.</summary>
    private static string Where(RunnablePage page, Exception exception) =>
        new System.Diagnostics.StackTrace(exception, fNeedFileInfo: true).GetFrames().FirstOrDefault(frame => frame.GetFileName() == page.File) is { } frame
            ? string.Create(CultureInfo.InvariantCulture, $"{page.File}({frame.GetFileLineNumber()})")
            : page.File;

    /// <summary>Collects what one statement prints, one text for each time it is reached. Its end cannot occur in a value.</summary>
    private sealed class CheckWriter : TextWriter
    {
        private readonly List<string> _lines;
        private readonly StringBuilder _line = new();

        public CheckWriter(List<string> lines)
            : base(CultureInfo.InvariantCulture)
        {
            _lines = lines;
            NewLine = "\0";
        }

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value)
        {
            if (value != '\0')
            {
                _line.Append(value);
                return;
            }

            lock (_lines)
            {
                _lines.Add(_line.ToString());
            }
        }
    }
}
