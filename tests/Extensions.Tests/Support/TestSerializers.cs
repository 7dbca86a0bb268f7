using System.Buffers;
using System.Text;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Tests;

/// <summary>A value that no serializer takes.</summary>
internal sealed class Unwritable;

/// <summary>A mutable value whose serializer a test can stand in.</summary>
internal sealed class Note
{
    public required string Text { get; set; }
}

/// <summary>Writes the text, and does what the test says before it reads it back.</summary>
internal sealed class NoteSerializer : IHybridCacheSerializer<Note>
{
    public Action? BeforeRead { get; set; }

    public Note Deserialize(ReadOnlySequence<byte> source)
    {
        BeforeRead?.Invoke();
        return new Note { Text = Encoding.UTF8.GetString(source) };
    }

    public void Serialize(Note value, IBufferWriter<byte> target) => Encoding.UTF8.GetBytes(value.Text, target);
}

internal static class TestSerializers
{
    public static void AddUnwritable(this IServiceCollection services) => services.AddSingleton<IHybridCacheSerializer<Unwritable>>(new UnwritableSerializer());

    private sealed class UnwritableSerializer : IHybridCacheSerializer<Unwritable>
    {
        public Unwritable Deserialize(ReadOnlySequence<byte> source) => throw new NotSupportedException();

        public void Serialize(Unwritable value, IBufferWriter<byte> target) => throw new NotSupportedException();
    }
}
