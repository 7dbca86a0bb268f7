using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Larder.Docs.Tests;

/// <summary>Compiles an example of the documentation against the shared framework and Larder's packages, as an application would.</summary>
internal static partial class SnippetCompiler
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

    // Fields, so that an example may declare a variable of the same name.
    private const string Givens = """
        private readonly HybridCache cache = null!;
        private readonly IDistributedCache distributedCache = null!;
        private readonly ICacheAdmin admin = null!;
        private readonly IServiceCollection services = null!;
        private readonly IServiceProvider provider = null!;
        private readonly IConfiguration configuration = null!;
        private readonly WebApplication app = null!;
        private readonly WebApplicationBuilder builder = null!;
        private readonly HttpContext context = null!;
        private readonly ILogger logger = null!;
        private readonly CancellationToken cancellationToken;
        """;

    private static readonly CSharpParseOptions s_language = new(LanguageVersion.Preview);

    private static readonly SyntaxTree s_usings = CSharpSyntaxTree.ParseText(Usings, s_language);

    private static readonly CSharpCompilationOptions s_options = new(
        OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable);

    private static readonly Lazy<MetadataReference[]> s_references = new(() =>
    [
        .. from path in ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
           where !path.Contains("xunit", StringComparison.OrdinalIgnoreCase)
           select MetadataReference.CreateFromFile(path),
    ]);

    /// <summary>The compiler's errors, and its warnings about obsolete members, null and forgotten awaits, by line of the file.</summary>
    public static IReadOnlyList<string> Compile(string file, Fence snippet)
    {
        var program = snippet.Text.Contains("WebApplication.CreateBuilder", StringComparison.Ordinal);
        var alone = CSharpSyntaxTree.ParseText(At(file, snippet.Line) + snippet.Text, s_language);
        if (Messages(alone.GetDiagnostics()) is { Count: > 0 } errors)
        {
            return errors;
        }

        var tree = program ? alone : CSharpSyntaxTree.ParseText(Wrap(file, alone.GetCompilationUnitRoot()), s_language);
        var options = program ? s_options.WithOutputKind(OutputKind.ConsoleApplication) : s_options;
        return Messages(CSharpCompilation.Create("Example", [s_usings, tree], s_references.Value, options).GetDiagnostics());
    }

    /// <summary>Puts statements into a method; leaves usings and types around it.</summary>
    private static string Wrap(string file, CompilationUnitSyntax unit)
    {
        var text = new StringBuilder();
        var statements = unit.Members.OfType<GlobalStatementSyntax>().ToList();
        Append(unit.Externs);
        Append(unit.Usings);
        if (statements.Count > 0)
        {
            text.AppendLine("internal sealed class Example {").AppendLine(Givens).AppendLine("public async Task RunAsync() {");
            Append(statements);
            text.AppendLine("} }");
        }

        Append(unit.AttributeLists);
        Append(unit.Members.Where(member => member is not GlobalStatementSyntax));
        return text.ToString();

        void Append(IEnumerable<SyntaxNode> nodes)
        {
            foreach (var node in nodes)
            {
                var line = node.SyntaxTree.GetMappedLineSpan(node.FullSpan).StartLinePosition.Line + 1;
                text.Append(At(file, line)).AppendLine(node.ToFullString()).AppendLine("#line default");
            }
        }
    }

    private static string At(string file, int line) => string.Create(CultureInfo.InvariantCulture, $"#line {line} \"{file}\"\n");

    private static List<string> Messages(IEnumerable<Diagnostic> diagnostics) =>
    [
        .. from diagnostic in diagnostics
           where diagnostic.Severity == DiagnosticSeverity.Error || Warnings().IsMatch(diagnostic.Id)
           let position = diagnostic.Location.GetMappedLineSpan()
           orderby position.StartLinePosition.Line
           select string.Create(
               CultureInfo.InvariantCulture,
               $"{position.Path}({position.StartLinePosition.Line + 1}): {diagnostic.Id}: {diagnostic.GetMessage(CultureInfo.InvariantCulture)}"),
    ];

    [GeneratedRegex(@"^CS(?:0612|0618|4014|8[67]\d\d)$")]
    private static partial Regex Warnings();
}
