using Microsoft.Extensions.DependencyInjection;

namespace Larder;

/// <summary>What <c>AddLarder</c> returns: the place where the other parts of Larder hang on.</summary>
public interface ILarderBuilder
{
    /// <summary>The services being configured.</summary>
    IServiceCollection Services { get; }
}
