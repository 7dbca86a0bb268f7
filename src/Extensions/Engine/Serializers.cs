using System.Buffers;
using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Engine;

/// <summary>
/// The serializer of each type, chosen as <c>HybridCache</c> documents it: one registered for the type; text and bytes
/// as they are; then the factories, the last registered first; then System.Text.Json with the options registered under
/// the key <c>typeof(IHybridCacheSerializer&lt;T&gt;)</c>, or the open type, or the defaults.
/// </summary>
internal sealed class Serializers(IServiceProvider services)
{
    private readonly ConcurrentDictionary<Type, object> _byType = new();
    private readonly IHybridCacheSerializerFactory[] _factories = [.. services.GetServices<IHybridCacheSerializerFactory>().Reverse()];

    /// <exception cref="InvalidOperationException">A registered factory failed.</exception>
    public IHybridCacheSerializer<T> Get<T>() =>
        _byType.TryGetValue(typeof(T), out var known) ? Unsafe.As<IHybridCacheSerializer<T>>(known) : Resolve<T>();

    /// <summary>System.Text.Json with the options that are registered for the type, whoever else serializes it.</summary>
    public IHybridCacheSerializer<T> Json<T>() => CreateJson<T>();

    private IHybridCacheSerializer<T> Resolve<T>()
    {
        var serializer = services.GetService<IHybridCacheSerializer<T>>() ?? BuiltInSerializer.Instance as IHybridCacheSerializer<T>;
        for (var i = 0; serializer is null && i < _factories.Length; i++)
        {
            if (_factories[i].TryCreateSerializer<T>(out var made))
            {
                serializer = made;
            }
        }

        serializer ??= CreateJson<T>();
        return Unsafe.As<IHybridCacheSerializer<T>>(_byType.GetOrAdd(typeof(T), serializer));
    }

    private JsonValueSerializer<T> CreateJson<T>()
    {
        var options = services.GetKeyedService<JsonSerializerOptions>(typeof(IHybridCacheSerializer<T>))
            ?? services.GetKeyedService<JsonSerializerOptions>(typeof(IHybridCacheSerializer<>));

        // Tuples have fields and no properties; without this they would come back empty.
        return new JsonValueSerializer<T>(options ?? (typeof(ITuple).IsAssignableFrom(typeof(T)) ? JsonValueSerializer.WithFields : JsonValueSerializer.Default));
    }
}

/// <summary>Whether values of a type may be shared between callers.</summary>
internal static class Immutability<T>
{
    /// <summary>
    /// Text, values without references in them, and sealed classes or structs marked <c>[ImmutableObject(true)]</c>: the
    /// rule that <c>HybridCache</c> documents.
    /// </summary>
    public static readonly bool IsImmutable =
        typeof(T) == typeof(string)
        || !RuntimeHelpers.IsReferenceOrContainsReferences<T>()
        || IsMarked(Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T));

    private static bool IsMarked(Type type) =>
        (type.IsValueType || (type.IsClass && type.IsSealed)) && type.GetCustomAttribute<ImmutableObjectAttribute>() is { Immutable: true };
}

/// <summary>Text as UTF-8, bytes as they are.</summary>
internal sealed class BuiltInSerializer : IHybridCacheSerializer<string>, IHybridCacheSerializer<byte[]>
{
    public static BuiltInSerializer Instance { get; } = new();

    string IHybridCacheSerializer<string>.Deserialize(ReadOnlySequence<byte> source) => Encoding.UTF8.GetString(source);

    void IHybridCacheSerializer<string>.Serialize(string value, IBufferWriter<byte> target) => Encoding.UTF8.GetBytes(value, target);

    byte[] IHybridCacheSerializer<byte[]>.Deserialize(ReadOnlySequence<byte> source) => source.ToArray();

    void IHybridCacheSerializer<byte[]>.Serialize(byte[] value, IBufferWriter<byte> target) => target.Write(value);
}

/// <summary>JSON, as <c>HybridCache</c> does by default.</summary>
internal sealed class JsonValueSerializer<T>(JsonSerializerOptions options) : IHybridCacheSerializer<T>
{
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = JsonValueSerializer.TrimmingAdvice)]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = JsonValueSerializer.TrimmingAdvice)]
    public T Deserialize(ReadOnlySequence<byte> source)
    {
        if (source.IsSingleSegment)
        {
            return JsonSerializer.Deserialize<T>(source.FirstSpan, options)!;
        }

        var reader = new Utf8JsonReader(source);
        return JsonSerializer.Deserialize<T>(ref reader, options)!;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = JsonValueSerializer.TrimmingAdvice)]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = JsonValueSerializer.TrimmingAdvice)]
    public void Serialize(T value, IBufferWriter<byte> target)
    {
        using var writer = new Utf8JsonWriter(target, new JsonWriterOptions { SkipValidation = true, Encoder = options.Encoder, Indented = options.WriteIndented });
        JsonSerializer.Serialize(writer, value, options);
    }
}

[UnconditionalSuppressMessage("Trimming", "IL2026", Justification = JsonValueSerializer.TrimmingAdvice)]
[UnconditionalSuppressMessage("AOT", "IL3050", Justification = JsonValueSerializer.TrimmingAdvice)]
internal static class JsonValueSerializer
{
    public const string TrimmingAdvice = "A trimmed application registers a serializer or JsonSerializerOptions with a source-generated resolver.";

    public static JsonSerializerOptions Default => JsonSerializerOptions.Default;

    public static JsonSerializerOptions WithFields { get; } = new(JsonSerializerOptions.Default) { IncludeFields = true };
}
