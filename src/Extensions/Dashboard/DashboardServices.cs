using Microsoft.Extensions.DependencyInjection;

namespace Larder.Dashboard;

/// <summary>What the endpoints need. None of it is made, but for a look at the start whether there are endpoints, in an application that maps none.</summary>
internal static class DashboardServices
{
    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<NodeStateReader>();
        services.AddSingleton<GuardedEndpoints>();
        services.AddHostedService(static provider => provider.GetRequiredService<GuardedEndpoints>());
    }
}
