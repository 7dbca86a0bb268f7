using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Larder.Tests;

/// <summary>
/// Checks a property on many generated cases, the same ones in each run. To replay a failure, or to look further, set
/// <c>LARDER_PROPERTY_SEED</c> to another number and <c>LARDER_PROPERTY_CASES</c> to how many.
/// </summary>
internal static class Property
{
    private static readonly ulong Seed = ulong.Parse(Environment.GetEnvironmentVariable("LARDER_PROPERTY_SEED") ?? "20250101", CultureInfo.InvariantCulture);
    private static readonly string? CountOfCases = Environment.GetEnvironmentVariable("LARDER_PROPERTY_CASES");

    /// <summary>Generated cases for a test that tries them all itself.</summary>
    public static IReadOnlyList<T> Cases<T>(Gen<T> cases, int count) => [.. cases.Sample(count, new Rnd(Seed), size: 50)];

    public static void Holds<T>(Gen<T> cases, Action<T> check, int count = 5_000)
    {
        count = CountOfCases is null ? count : int.Parse(CountOfCases, CultureInfo.InvariantCulture);
        var config = Config.QuickThrowOnFailure
            .WithMaxTest(count)
            .WithQuietOnSuccess(true)
            .WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(Seed), FSharpOption<int>.None)));
        try
        {
            Check.One(config, Prop.ForAll(cases.ToArbitrary(), check));
        }
        catch (Exception exception)
        {
            throw new Xunit.Sdk.XunitException($"LARDER_PROPERTY_SEED={Seed} LARDER_PROPERTY_CASES={count}{Environment.NewLine}{exception.Message}{Environment.NewLine}{exception.InnerException?.Message}");
        }
    }
}
