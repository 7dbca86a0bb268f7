using Microsoft.Extensions.DependencyInjection;

namespace Larder;

/// <summary>Says that Larder has been added, and which <c>HybridCache</c> the application had before.</summary>
internal sealed record LarderMarker(ServiceDescriptor? Foreign);
