using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.Extensions.Configuration;

namespace Larder.Docs.Tests;

/// <summary>
/// A page that is a program: its blocks <c>csharp run</c> in their order, with the environment of its blocks <c>sh run</c> (lines <c>export NAME=value</c>) and the
/// settings of its blocks <c>json run</c>. What it prints is checked: <c>Console.WriteLine(value);   // text</c>.
/// </summary>
/// <param name="File">The page.</param>
/// <param name="Source">The program.</param>
/// <param name="Checks">What it must print, and where.</param>
/// <param name="Settings">What the page tells the application to be configured with, as arguments of a command line.</param>
/// <param name="Problems">What keeps it from being run.</param>
internal sealed record RunnablePage(
    string File, string Source, IReadOnlyList<PageCheck> Checks, IReadOnlyList<string> Settings, IReadOnlyList<string> Problems)
{
    public static RunnablePage Parse(string file, IReadOnlyList<Fence> fences)
    {
        var checks = new List<PageCheck>();
        var settings = new List<string>();
        var problems = new List<string>();
        var units = new List<CompilationUnitSyntax>();
        foreach (var fence in fences.Where(fence => fence.Runs))
        {
            switch (fence.Language)
            {
                case "csharp" or "cs" or "c#":
                    var tree = DocsCompilation.Parse(DocsCompilation.At(file, fence.Line) + fence.Text);
                    problems.AddRange(DocsCompilation.Messages(tree.GetDiagnostics()));
                    units.Add((CompilationUnitSyntax)new CheckRewriter(checks, problems).Visit(tree.GetRoot()));
                    break;
                case "sh" or "bash":
                    settings.AddRange(Exports(file, fence, problems));
                    break;
                case "json":
                    settings.AddRange(Configuration(fence));
                    break;
                default:
                    problems.Add($"{file}({fence.Line}): a block of '{fence.Language}' cannot be run");
                    break;
            }
        }

        if (checks.Count == 0)
        {
            problems.Add($"{file}: nothing is checked; write Console.WriteLine(value);   // what it prints");
        }

        return new(file, Join(file, units), checks, settings, problems);
    }

    /// <summary>One program: usings first, types last, as the language wants it. The rest keeps its order.</summary>
    private static string Join(string file, List<CompilationUnitSyntax> units)
    {
        var text = new StringBuilder();
        Append(units.SelectMany(unit => unit.Usings));
        Append(units.SelectMany(unit => unit.Members).Where(member => member is GlobalStatementSyntax));
        Append(units.SelectMany(unit => unit.Members).Where(member => member is not GlobalStatementSyntax));
        return text.ToString();

        void Append(IEnumerable<SyntaxNode> nodes)
        {
            foreach (var node in nodes)
            {
                text.Append(DocsCompilation.Source(file, node));
            }
        }
    }

    private static IEnumerable<string> Exports(string file, Fence fence, List<string> problems)
    {
        foreach (var (index, text) in fence.Text.Split('\n').Index())
        {
            var line = text.Split('#')[0].Trim();
            if (line.StartsWith("export ", StringComparison.Ordinal) && line.Contains('='))
            {
                yield return $"--{line["export ".Length..]}";
            }
            else if (line.Length > 0)
            {
                problems.Add($"{file}({fence.Line + index}): '{line}' is not 'export NAME=value'");
            }
        }
    }

    private static IEnumerable<string> Configuration(Fence fence)
    {
        using var json = new MemoryStream(Encoding.UTF8.GetBytes(fence.Text));
        return
        [
            .. from setting in new ConfigurationBuilder().AddJsonStream(json).Build().AsEnumerable()
               where setting.Value is not null
               select $"--{setting.Key}={setting.Value}",
        ];
    }

    /// <summary>Lets each statement that prints say which one it is.</summary>
    private sealed class CheckRewriter(List<PageCheck> checks, List<string> problems) : CSharpSyntaxRewriter
    {
        public override SyntaxNode? VisitExpressionStatement(ExpressionStatementSyntax node)
        {
            if (node.Expression is not InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax { Name.Identifier.Text: "WriteLine" } method }
                || method.Expression.ToString() is not ("Console" or "System.Console"))
            {
                return base.VisitExpressionStatement(node);
            }

            var position = node.GetLocation().GetMappedLineSpan();
            var (page, line) = (position.Path, position.EndLinePosition.Line + 1);
            var comment = node.SemicolonToken.TrailingTrivia.FirstOrDefault(trivia => trivia.IsKind(SyntaxKind.SingleLineCommentTrivia)).ToString();
            if (comment.Length == 0)
            {
                problems.Add($"{page}({line}): prints without a comment that says what");
                return node;
            }

            checks.Add(new PageCheck(page, line, comment.TrimStart('/').Trim()));
            var writer = SyntaxFactory.ParseExpression($"global::{PageRunner.OutputType}.Of({checks.Count - 1})").WithTriviaFrom(method.Expression);
            return node.ReplaceNode(method.Expression, writer);
        }
    }
}
