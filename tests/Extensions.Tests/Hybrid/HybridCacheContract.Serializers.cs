using System.Buffers;
using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    [ContractFact]
    public async Task A_mutable_value_is_copied_for_each_caller()
    {
        var mine = new Person { Name = "Ada", Age = 36 };
        await Cache.SetAsync("key", mine);
        mine.Name = "changed after it was set";

        var first = await PeekAsync<Person>(Cache, "key");
        Assert.Equal("Ada", first!.Name);
        first.Name = "changed by a reader";
        Assert.Equal("Ada", (await PeekAsync<Person>(Cache, "key"))!.Name);
    }

    [ContractFact]
    public async Task An_immutable_value_is_shared()
    {
        var value = new ImmutableValue("text");
        var text = new string('x', 20);
        await Cache.SetAsync("value", value);
        await Cache.SetAsync("text", text);

        Assert.Equal(ReferencesAreKept, ReferenceEquals(value, await PeekAsync<ImmutableValue>(Cache, "value")));
        Assert.Equal(ReferencesAreKept, ReferenceEquals(text, await PeekAsync<string>(Cache, "text")));
    }

    [ContractFact]
    public async Task Values_of_many_types_come_back_as_they_were()
    {
        await ComesBackAsync("", "ä€😀\0", "\uFFFD");
        await ComesBackAsync(0, -1, int.MaxValue);
        await ComesBackAsync(1.5, double.MaxValue);
        await ComesBackAsync(Guid.Empty, Guid.NewGuid());
        await ComesBackAsync(DateTimeOffset.UnixEpoch.AddTicks(1));
        await ComesBackAsync<byte[]>([], [0, 255, 10]);
        await ComesBackAsync(("tuple", 1), ("", -1));
        await ComesBackAsync<List<int>>([], [1, 2, 3]);
        await ComesBackAsync(new ImmutableValue("x"));
        await ComesBackAsync<int?>(5);
        await ComesBackAsync(DayOfWeek.Friday);
    }

    [ContractFact]
    public async Task A_serializer_registered_for_a_type_is_used()
    {
        var node = await StartNodeAsync(register: services => services.AddSingleton<IHybridCacheSerializer<Person>>(new MarkingSerializer<Person>("own")));

        Assert.Equal("own", await MarkAsync(node));
    }

    [ContractFact]
    public async Task The_factory_registered_last_is_asked_first_and_the_next_one_if_it_declines()
    {
        var node = await StartNodeAsync(register: services =>
        {
            services.AddSingleton<IHybridCacheSerializerFactory>(new MarkingFactory("first", _ => true));
            services.AddSingleton<IHybridCacheSerializerFactory>(new MarkingFactory("second", _ => true));
            services.AddSingleton<IHybridCacheSerializerFactory>(new MarkingFactory("third", type => type != typeof(Person)));
        });

        Assert.Equal("second", await MarkAsync(node));
    }

    [ContractFact]
    public async Task A_serializer_registered_for_a_type_goes_before_the_factories()
    {
        var node = await StartNodeAsync(register: services =>
        {
            services.AddSingleton<IHybridCacheSerializer<Person>>(new MarkingSerializer<Person>("own"));
            services.AddSingleton<IHybridCacheSerializerFactory>(new MarkingFactory("factory", _ => true));
        });

        Assert.Equal("own", await MarkAsync(node));
    }

    [ContractFact]
    public async Task Factories_are_not_asked_for_text_and_bytes()
    {
        var node = await StartNodeAsync(register: services =>
            services.AddSingleton<IHybridCacheSerializerFactory>(new MarkingFactory("factory", type => type == typeof(string) || type == typeof(byte[])
                ? throw new InvalidOperationException("asked for text or bytes")
                : false)));
        var other = await StartNodeAsync();

        await node.Cache.SetAsync("text", "text");
        await node.Cache.SetAsync<byte[]>("bytes", [1, 2]);

        Assert.Equal("text", await PeekAsync<string>(node.Cache, "text"));
        Assert.Equal([1, 2], await PeekAsync<byte[]>(node.Cache, "bytes"));
        Assert.Equal(IsShared ? "text" : null, await PeekAsync<string>(other.Cache, "text"));
    }

    [ContractFact]
    public async Task Json_options_registered_for_the_type_are_used_before_those_for_all_types()
    {
        var forAll = new JsonSerializerOptions { PropertyNamingPolicy = new MarkingPolicy() };
        var forPerson = new JsonSerializerOptions { PropertyNamingPolicy = new MarkingPolicy() };
        var node = await StartNodeAsync(register: services =>
        {
            services.AddKeyedSingleton<JsonSerializerOptions>(typeof(IHybridCacheSerializer<>), forAll);
            services.AddKeyedSingleton<JsonSerializerOptions>(typeof(IHybridCacheSerializer<Person>), forPerson);
        });

        await node.Cache.SetAsync("person", new Person());
        Assert.Equal((0, true), (Asked(forAll), Asked(forPerson) > 0));
        await node.Cache.SetAsync("house", new House());
        Assert.True(Asked(forAll) > 0);

        static int Asked(JsonSerializerOptions options) => ((MarkingPolicy)options.PropertyNamingPolicy!).Asked;
    }

    [ContractFact]
    public async Task A_value_that_cannot_be_serialized_is_returned_and_not_cached()
    {
        if (!SurvivesSerializers)
        {
            return;
        }

        var node = await StartNodeAsync(register: services => services.AddSingleton<IHybridCacheSerializer<Person>>(new BrokenSerializer()));
        var source = new CountedFactory<Person>(call => new Person { Age = call });

        Assert.Equal(1, (await source.ReadAsync(node.Cache, "key")).Age);
        Assert.Equal(2, (await source.ReadAsync(node.Cache, "key")).Age);
        await node.Cache.SetAsync("key", new Person { Age = 100 });
        Assert.Equal(3, (await source.ReadAsync(node.Cache, "key")).Age);
    }

    [ContractFact]
    public async Task A_stored_value_that_cannot_be_read_is_a_miss()
    {
        if (!SurvivesSerializers)
        {
            return;
        }

        await Cache.SetAsync("key", new Person { Age = 1 });
        var node = await StartNodeAsync(register: services => services.AddSingleton<IHybridCacheSerializer<Person>>(new UnreadableSerializer()));
        var source = new CountedFactory<Person>(call => new Person { Age = call + 10 });

        Assert.Equal(11, (await source.ReadAsync(node.Cache, "key")).Age);
    }

    /// <summary>Whether a value that was set is handed out as the same instance.</summary>
    protected virtual bool ReferencesAreKept => true;

    private static async Task<string> MarkAsync(CacheNode node)
    {
        await node.Cache.SetAsync("key", new Person { Name = "Ada" });
        return (await PeekAsync<Person>(node.Cache, "key"))!.Name;
    }

    private async Task ComesBackAsync<T>(params T[] values)
    {
        var other = await StartNodeAsync();
        for (var i = 0; i < values.Length; i++)
        {
            var key = $"{typeof(T)} {i}";
            Assert.Equal(values[i], await Cache.GetOrCreateAsync(key, _ => new ValueTask<T>(values[i])));
            Assert.Equal(values[i], await PeekAsync<T>(Cache, key));
            if (IsShared)
            {
                Assert.Equal(values[i], await PeekAsync<T>(other.Cache, key));
            }
        }
    }

    [ImmutableObject(true)]
    public sealed record ImmutableValue(string Text);

    public sealed class House
    {
        public int Rooms { get; set; }
    }

    private sealed class MarkingSerializer<T>(string mark) : IHybridCacheSerializer<T>
    {
        public T Deserialize(ReadOnlySequence<byte> source) => (T)(object)new Person { Name = Encoding.UTF8.GetString(source) };

        public void Serialize(T value, IBufferWriter<byte> target) => Encoding.UTF8.GetBytes(mark, target);
    }

    private sealed class MarkingFactory(string mark, Func<Type, bool> accepts) : IHybridCacheSerializerFactory
    {
        public bool TryCreateSerializer<T>([NotNullWhen(true)] out IHybridCacheSerializer<T>? serializer)
        {
            serializer = accepts(typeof(T)) ? new MarkingSerializer<T>(mark) : null;
            return serializer is not null;
        }
    }

    private sealed class MarkingPolicy : JsonNamingPolicy
    {
        private int _asked;

        public int Asked => Volatile.Read(ref _asked);

        public override string ConvertName(string name)
        {
            Interlocked.Increment(ref _asked);
            return name;
        }
    }

    private sealed class BrokenSerializer : IHybridCacheSerializer<Person>
    {
        public Person Deserialize(ReadOnlySequence<byte> source) => throw new NotSupportedException();

        public void Serialize(Person value, IBufferWriter<byte> target) => throw new NotSupportedException();
    }

    private sealed class UnreadableSerializer : IHybridCacheSerializer<Person>
    {
        public Person Deserialize(ReadOnlySequence<byte> source) => throw new FormatException();

        public void Serialize(Person value, IBufferWriter<byte> target) => JsonSerializer.Serialize(new Utf8JsonWriter(target), value);
    }
}
