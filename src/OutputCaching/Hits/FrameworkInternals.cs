using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.OutputCaching;

namespace Larder.Http;

/// <summary>What the framework's output cache keeps to itself and must be known to serve a page in its place. Where it cannot be read, pages are left to the framework.</summary>
internal static class FrameworkInternals
{
    // The one whose middleware was looked at. A later one may decide by more than this.
    private const int KnownVersion = 10;

    /// <summary>Texts that it stores as their place in this list; empty if they are not known.</summary>
    public static string[] CommonTexts { get; } = IsKnown ? Read(static () => TextsOf(null)) ?? [] : [];

    private static bool IsKnown => typeof(OutputCacheOptions).Assembly.GetName().Version?.Major == KnownVersion;

    /// <summary>Whether the options can be asked for their base policies by <see cref="BasePolicies"/>.</summary>
    public static bool KnowsBasePolicies(OutputCacheOptions options) => IsKnown && Read(() => BasePolicies(options) ?? []) is not null;

    /// <summary>The policies that run for every request.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_BasePolicies")]
    public static extern List<IOutputCachePolicy>? BasePolicies(OutputCacheOptions options);

    [UnsafeAccessor(UnsafeAccessorKind.StaticField, Name = "CommonHeaders")]
    private static extern ref string[] TextsOf([UnsafeAccessorType("Microsoft.AspNetCore.OutputCaching.OutputCacheEntryFormatter, Microsoft.AspNetCore.OutputCaching")] object? formatter);

    /// <summary>What was read, or null if it is not there to be read.</summary>
    public static T? Read<T>(Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is MissingMemberException or TypeLoadException)
        {
            return null;
        }
    }
}
