using System.Reflection;
using Pipelines.Sockets.Unofficial;
using StackExchange.Redis;

namespace Larder.PipelinesSockets.Tests.Binding;

/// <summary>The build takes any file of the right name that lies around: these say which one the process got.</summary>
public sealed class LoadedAssemblyTests
{
    private static readonly Assembly s_loaded = typeof(SocketConnection).Assembly;

    [Fact]
    public void Comes_from_the_folder_of_the_tests()
        => Assert.Equal(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory), Path.GetDirectoryName(s_loaded.Location));

    [Fact]
    public void Is_the_one_the_build_asked_for()
    {
        var description = s_loaded.GetCustomAttribute<AssemblyDescriptionAttribute>()?.Description ?? "";
#if FEED_PIPELINES
        Assert.DoesNotContain("Stand-in", description, StringComparison.Ordinal);
#else
        Assert.StartsWith("Stand-in", description, StringComparison.Ordinal);
        Assert.Equal(new Version(2, 2, 8, 0), s_loaded.GetName().Version);
#endif
    }

    [Fact]
    public void Is_the_one_StackExchange_Redis_binds_to()
    {
        var name = typeof(ConnectionMultiplexer).Assembly.GetReferencedAssemblies().Single(n => n.Name == s_loaded.GetName().Name);

        Assert.Same(s_loaded, Assembly.Load(name));
        Assert.True(s_loaded.GetName().Version >= name.Version, "a lower version would not be bound to");
    }
}
