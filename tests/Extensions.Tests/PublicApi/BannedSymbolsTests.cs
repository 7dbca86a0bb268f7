using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Xunit;

namespace Larder.Tests.PublicApi;

/// <summary>Looks through the compiled code for calls that BannedSymbols.txt forbids.</summary>
public sealed class BannedSymbolsTests
{
    [Theory]
    [InlineData("Larder.Extensions")]
    [InlineData("Larder.OutputCaching")]
    [InlineData("Larder.HealthChecks")]
    public void No_banned_member_is_used(string assembly)
    {
        var rules = Rules();

        Assert.Empty(MembersUsed(Assembly.Load(assembly).Location).SelectMany(used => rules
            .Where(rule => rule.Forbids(used.Member) && !rule.Allows(used.User))
            .Select(rule => $"{used.User} uses {used.Member}, which BannedSymbols.txt forbids ({rule.Pattern})")));
    }

    [Fact]
    public void Calls_that_are_banned_are_found()
    {
        var rules = Rules();
        var found = MembersUsed(typeof(BannedSymbolsTests).Assembly.Location)
            .Where(used => used.User == typeof(Offender).FullName)
            .SelectMany(used => rules.Where(rule => rule.Forbids(used.Member)).Select(rule => rule.Pattern))
            .ToHashSet();

        Assert.Equal(
            ["System.Console.*", "System.DateTime.get_UtcNow", "System.Diagnostics.Stopwatch.*", "System.Random..ctor", "System.Threading.Tasks.Task.Delay(Int32)", "System.Threading.Tasks.Task`1.WaitAsync(TimeSpan)"],
            found.Order(StringComparer.Ordinal));
    }

    private static List<Rule> Rules() =>
        [.. File.ReadLines(SourceFolder.PathOf("PublicApi", "BannedSymbols.txt")).Where(line => line.Length != 0 && line[0] != '#').Select(Rule.Parse)];

    private static List<(string User, string Member)> MembersUsed(string file)
    {
        using var stream = File.OpenRead(file);
        using var image = new PEReader(stream);
        var metadata = image.GetMetadataReader();
        var used = new List<(string, string)>();
        foreach (var handle in metadata.MethodDefinitions)
        {
            var method = metadata.GetMethodDefinition(handle);
            if (method.RelativeVirtualAddress != 0)
            {
                var user = OutermostTypeOf(metadata, method.GetDeclaringType());
                used.AddRange(IlReader.TokensOf(image.GetMethodBody(method.RelativeVirtualAddress).GetILBytes()!)
                    .Select(token => MemberNames.Of(metadata, token)).OfType<string>().Distinct().Select(member => (user, member)));
            }
        }

        return used;
    }

    // What a lambda or an async method compiles to counts as the type it is written in.
    private static string OutermostTypeOf(MetadataReader metadata, TypeDefinitionHandle handle)
    {
        var type = metadata.GetTypeDefinition(handle);
        while (!type.GetDeclaringType().IsNil && metadata.GetString(type.Name).StartsWith('<'))
        {
            type = metadata.GetTypeDefinition(type.GetDeclaringType());
        }

        var name = metadata.GetString(type.Name);
        for (var outer = type; !outer.GetDeclaringType().IsNil; name = $"{metadata.GetString(outer.Name)}+{name}")
        {
            outer = metadata.GetTypeDefinition(outer.GetDeclaringType());
            type = outer;
        }

        return $"{metadata.GetString(type.Namespace)}.{name}";
    }

    private sealed record Rule(string Pattern, string? Allowed)
    {
        public static Rule Parse(string line)
        {
            var parts = line.Split('|', 2, StringSplitOptions.TrimEntries);
            return new Rule(parts[0], parts.Length == 1 ? null : parts[1].Split(':')[0]);
        }

        // A pattern with parameters means one overload, one without all of them, and a star all members of the type.
        public bool Forbids(string member) => Pattern switch
        {
            [.. var type, '*'] => member.StartsWith(type, StringComparison.Ordinal),
            [.., ')'] => member == Pattern,
            _ => member.Split('(')[0] == Pattern,
        };

        public bool Allows(string user) => user == Allowed;
    }

    /// <summary>Does what must be found; never called.</summary>
    private static class Offender
    {
        public static async Task<int> OffendAsync(Task<int> task)
        {
            Console.WriteLine(DateTime.UtcNow);
            await Task.Delay(new Random(1).Next());
            Func<long> lambda = System.Diagnostics.Stopwatch.GetTimestamp;
            return (int)lambda() + await task.WaitAsync(TimeSpan.Zero);
        }
    }
}
