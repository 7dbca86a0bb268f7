using Microsoft.AspNetCore.Builder;

namespace Larder.Tests;

/// <summary>Which of the two calls the applications of a test make: the framework's, or in the tests of <c>Hits/ServedAheadTests.cs</c> the one that has pages in memory served ahead of it.</summary>
internal static class CacheWay
{
    private static readonly AsyncLocal<bool> Ahead = new();

    /// <summary>For the constructor of a test class: all that its tests do comes after it, and no other test sees it.</summary>
    public static void ServeAhead() => Ahead.Value = true;

    public static IApplicationBuilder UsePages(this IApplicationBuilder app) => Ahead.Value ? app.UseLarderOutputCache() : app.UseOutputCache();
}
