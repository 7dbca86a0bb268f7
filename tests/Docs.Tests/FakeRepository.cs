using System.Text;

namespace Larder.Docs.Tests;

/// <summary>A few files with something wrong in them.</summary>
internal sealed class FakeRepository : Dictionary<string, string>, IRepository
{
    public HashSet<string> Executable { get; } = [];

    public IReadOnlyCollection<string> Tracked => Keys;

    public IReadOnlySet<string> Files => Keys.ToHashSet(StringComparer.Ordinal);

    public byte[] ReadBytes(string path) => Encoding.UTF8.GetBytes(this[path]);

    public bool IsExecutable(string path) => Executable.Contains(path);
}
