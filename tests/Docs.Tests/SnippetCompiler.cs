using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Larder.Docs.Tests;

/// <summary>Compiles an example of the documentation against the shared framework and Larder's packages, as an application would.</summary>
internal static class SnippetCompiler
{
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

    /// <summary>The compiler's errors, and its warnings about obsolete members, null and forgotten awaits, by line of the file.</summary>
    public static IReadOnlyList<string> Compile(string file, Fence snippet)
    {
        var program = snippet.Text.Contains("WebApplication.CreateBuilder", StringComparison.Ordinal);
        var alone = DocsCompilation.Parse(DocsCompilation.At(file, snippet.Line) + snippet.Text);
        if (DocsCompilation.Messages(alone.GetDiagnostics()) is { Count: > 0 } errors)
        {
            return errors;
        }

        var tree = program ? alone : DocsCompilation.Parse(Wrap(file, alone.GetCompilationUnitRoot()));
        return DocsCompilation.Messages(DocsCompilation.Create(program, tree).GetDiagnostics());
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
                text.Append(DocsCompilation.Source(file, node));
            }
        }
    }
}
