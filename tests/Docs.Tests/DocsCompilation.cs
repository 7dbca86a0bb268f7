using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Larder.Docs.Tests;

/// <summary>The compiler as an application's project sets it up: the shared framework, Larder's packages, implicit usings, nullable references.</summary>
internal static partial class DocsCompilation
{
    // As the Web SDK has them, and the three namespaces that every page takes for granted.
    private const string Usings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Net.Http.Json;
        global using System.Threading;
        global using System.Threading.Tasks;
        global using Microsoft.AspNetCore.Builder;
        global using Microsoft.AspNetCore.Hosting;
        global using Microsoft.AspNetCore.Http;
        global using Microsoft.AspNetCore.Routing;
        global using Microsoft.Extensions.Configuration;
        global using Microsoft.Extensions.DependencyInjection;
        global using Microsoft.Extensions.Hosting;
        global using Microsoft.Extensions.Logging;
        global using Larder;
        global using Microsoft.Extensions.Caching.Distributed;
        global using Microsoft.Extensions.Caching.Hybrid;
        """;

    private static readonly CSharpParseOptions s_language = new(LanguageVersion.Preview);

    private static readonly SyntaxTree s_usings = Parse(Usings);

    private static readonly CSharpCompilationOptions s_options = new(
        OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable);

    private static readonly Lazy<MetadataReference[]> s_references = new(() =>
    [
        .. from path in ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
           where !TestAssembly().IsMatch(Path.GetFileName(path))
           select MetadataReference.CreateFromFile(path),
    ]);

    public static SyntaxTree Parse(string text) => CSharpSyntaxTree.ParseText(text, s_language, encoding: System.Text.Encoding.UTF8);

    public static CSharpCompilation Create(bool program, params SyntaxTree[] trees) => CSharpCompilation.Create(
        "Example", [s_usings, .. trees], s_references.Value, program ? s_options.WithOutputKind(OutputKind.ConsoleApplication) : s_options);

    /// <summary>What makes the compiler speak of a page's lines.</summary>
    public static string At(string file, int line) => string.Create(CultureInfo.InvariantCulture, $"#line {line} \"{file}\"\n");

    /// <summary>A part of an example, to be compiled elsewhere than where it stands.</summary>
    public static string Source(string file, SyntaxNode node) =>
        At(file, node.SyntaxTree.GetMappedLineSpan(node.FullSpan).StartLinePosition.Line + 1) + node.ToFullString() + "\n#line default\n";

    /// <summary>Errors, and warnings about obsolete members, null and forgotten awaits, by line of the file.</summary>
    public static List<string> Messages(IEnumerable<Diagnostic> diagnostics) =>
    [
        .. from diagnostic in diagnostics
           where diagnostic.Severity == DiagnosticSeverity.Error || Warnings().IsMatch(diagnostic.Id)
           let position = diagnostic.Location.GetMappedLineSpan()
           orderby position.StartLinePosition.Line
           select string.Create(
               CultureInfo.InvariantCulture,
               $"{position.Path}({position.StartLinePosition.Line + 1}): {diagnostic.Id}: {diagnostic.GetMessage(CultureInfo.InvariantCulture)}"),
    ];

    [GeneratedRegex(@"xunit|^Larder\..*Tests", RegexOptions.IgnoreCase)]
    private static partial Regex TestAssembly();

    [GeneratedRegex(@"^CS(?:0612|0618|4014|8[67]\d\d)$")]
    private static partial Regex Warnings();
}
