using System.Reflection;
using Microsoft.AspNetCore.Mvc.ApplicationParts;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Tests;

/// <summary>An application part of one controller, so that tests do not meet each other's.</summary>
internal sealed class OneController(Type type) : ApplicationPart, IApplicationPartTypeProvider
{
    public override string Name => type.Name;

    public IEnumerable<TypeInfo> Types => [type.GetTypeInfo()];

    public static void Add<T>(IServiceCollection services) => services.AddControllers().ConfigureApplicationPartManager(static parts =>
    {
        parts.ApplicationParts.Clear();
        parts.ApplicationParts.Add(new OneController(typeof(T)));
    });
}
