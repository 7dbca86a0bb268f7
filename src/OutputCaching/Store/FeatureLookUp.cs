using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;

namespace Larder.Http;

/// <summary>Features of a request by their type.</summary>
internal static class FeatureLookUp
{
    /// <summary>As <c>Get</c>, which is a generic method of an interface and takes several times as long to be called.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T? Find<T>(this IFeatureCollection features)
        where T : class =>
        (T?)features[typeof(T)];
}
