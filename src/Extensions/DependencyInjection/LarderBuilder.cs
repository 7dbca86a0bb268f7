using Microsoft.Extensions.DependencyInjection;

namespace Larder;

internal sealed class LarderBuilder(IServiceCollection services) : ILarderBuilder
{
    public IServiceCollection Services { get; } = services;
}
