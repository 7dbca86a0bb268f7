using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Larder.Admin;
using Larder.Backplane;
using Larder.Scopes;

namespace Larder.Notifications;

/// <summary>Hands each invalidation to those who read them. Without readers it is one look at an empty array.</summary>
internal sealed class InvalidationStream(TimeProvider time)
{
    public const int Capacity = 1_024;

    private readonly Lock _lock = new();
    private Reader[] _readers = [];
    private bool _ended;

    /// <summary>An invalidation holds on this node.</summary>
    public void Publish(in BackplaneMessage message, bool isLocal)
    {
        var readers = Volatile.Read(ref _readers);

        // Pages are the output cache's own; their keys mean nothing to anybody else.
        if (readers.Length != 0 && !ScopedKey.IsPages(message.Scope))
        {
            foreach (var reader in readers)
            {
                reader.Offer(message, isLocal, time);
            }
        }
    }

    /// <summary>Messages of others may have been missed.</summary>
    public void PublishDoubt() => Publish(new BackplaneMessage(default, "", ""), isLocal: false);

    public async IAsyncEnumerable<CacheInvalidation> ReadAsync(CacheScope? scope, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = new Reader(scope);
        lock (_lock)
        {
            if (_ended)
            {
                yield break;
            }

            _readers = [.. _readers, reader];
        }

        try
        {
            long last = 0;
            await foreach (var item in reader.Waiting.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return Describe(item.Message) with { IsLocal = item.IsLocal, At = item.At, Missed = item.Number - last - 1 };
                last = item.Number;
            }
        }
        finally
        {
            lock (_lock)
            {
                _readers = [.. _readers.Where(other => !ReferenceEquals(other, reader))];
            }
        }
    }

    public void Complete()
    {
        lock (_lock)
        {
            _ended = true;
            foreach (var reader in _readers)
            {
                reader.Complete();
            }
        }
    }

    private static CacheInvalidation Describe(in BackplaneMessage message)
    {
        var kind = message.Kind switch
        {
            MessageKind.KeyChanged => CacheInvalidationKind.Key,
            MessageKind.TagInvalidated => CacheInvalidationKind.Tag,
            MessageKind.PatternInvalidated => CacheInvalidationKind.Pattern,
            MessageKind.LevelInvalidated when message.Scope == "*" => CacheInvalidationKind.Everything,
            MessageKind.LevelInvalidated => message.Scope.AsSpan().Count(':') switch
            {
                0 => CacheInvalidationKind.Tenant,
                1 => CacheInvalidationKind.Project,
                _ => CacheInvalidationKind.Namespace,
            },
            _ => CacheInvalidationKind.Unknown,
        };
        return new CacheInvalidation
        {
            Kind = kind,
            Scope = ScopedKey.TryReadScope(message.Scope, out var scope) ? scope : null,
            Name = kind switch
            {
                CacheInvalidationKind.Key or CacheInvalidationKind.Tag => message.Name,
                CacheInvalidationKind.Pattern => KeyPattern.TryDecode(message.Name, out var pattern) ? pattern.ToString() : null,
                _ => null,
            },
            IsLocal = false,
            At = default,
        };
    }

    private sealed class Reader
    {
        private readonly Lock _lock = new();
        private readonly string? _scope;
        private readonly string[] _levels;
        private readonly Channel<(BackplaneMessage Message, bool IsLocal, DateTimeOffset At, long Number)> _channel =
            Channel.CreateBounded<(BackplaneMessage, bool, DateTimeOffset, long)>(new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

        private long _number;

        public Reader(CacheScope? scope)
        {
            _scope = scope is null ? null : ScopedKey.ScopeId(scope);
            _levels = scope is null ? [] : ["*", ScopedKey.TenantId(scope), ScopedKey.ProjectId(scope), ScopedKey.ScopeId(scope)];
        }

        public ChannelReader<(BackplaneMessage Message, bool IsLocal, DateTimeOffset At, long Number)> Waiting => _channel.Reader;

        public void Offer(in BackplaneMessage message, bool isLocal, TimeProvider time)
        {
            var concerns = _scope is null || message.Kind switch
            {
                MessageKind.LevelInvalidated => Array.IndexOf(_levels, message.Scope) >= 0,
                default(MessageKind) => true,
                _ => message.Scope == _scope,
            };
            if (concerns)
            {
                // Numbered in the order in which they wait, so that the numbers of what is read tell what was dropped.
                lock (_lock)
                {
                    _channel.Writer.TryWrite((message, isLocal, time.GetUtcNow(), ++_number));
                }
            }
        }

        public void Complete() => _channel.Writer.TryComplete();
    }
}
