using System.IO.MemoryMappedFiles;

namespace Larder.Consistency.Checking;

/// <summary>Numbers in a mapped file, raised and read atomically by several processes.</summary>
internal sealed unsafe class SharedNumbers : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly long* _numbers;

    private SharedNumbers(MemoryMappedFile file)
    {
        _file = file;
        _view = file.CreateViewAccessor();
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _numbers = (long*)start;
    }

    /// <summary>Numbers in a file that other processes map too. A new file is all zeros.</summary>
    public static SharedNumbers Open(string path, int count) => new(MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, count * sizeof(long)));

    /// <summary>Numbers for this process alone.</summary>
    public static SharedNumbers Create(int count) => new(MemoryMappedFile.CreateNew(null, count * sizeof(long)));

    public long Raise(int index) => Interlocked.Increment(ref _numbers[index]);

    public long Read(int index) => Volatile.Read(ref _numbers[index]);

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
