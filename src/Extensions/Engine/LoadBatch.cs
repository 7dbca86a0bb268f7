using Larder.Diagnostics;

namespace Larder.Engine;

/// <summary>One call of a caller's function for all keys of a call that have to be loaded.</summary>
/// <remarks>
/// <para>Each key is an ordinary load: a flight of its own, stamps noted before, a lease, a fence, its own store. What would be the factory of the load waits here until it is
/// known of every key of the call whether it is to be loaded; then the function runs once for those that are. So all that holds for a single load holds for each of
/// them: a key that is invalidated after its stamps were noted is not stored, whatever becomes of the others.</para>
/// <para>Nobody waits for somebody who waits for another: a load that has to wait for one elsewhere, here or on another node, leaves the batch, and loads by itself if it has to
/// in the end. So two calls that have begun with each other's keys cannot hold each other up.</para>
/// </remarks>
internal sealed class LoadBatch<T>(ScopeState scope, Func<IReadOnlyCollection<string>, CancellationToken, ValueTask<IReadOnlyDictionary<string, T>>> load, bool nullIsNotFound)
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource<IReadOnlyDictionary<string, T>> _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(string Key, CancellationToken Token)> _arrived = [];
    private int _undecided;

    private bool NullIsNotFound => nullIsNotFound;

    /// <summary>Adds a key whose load is about to begin.</summary>
    public Member Add(string key)
    {
        _undecided++;
        return new Member(this, key);
    }

    /// <summary>Runs the function for one key alone.</summary>
    private async ValueTask<IReadOnlyDictionary<string, T>> LoadAloneAsync(string key, CancellationToken cancellationToken) =>
        await LoadAsync([key], cancellationToken).ConfigureAwait(false);

    private async ValueTask<IReadOnlyDictionary<string, T>> LoadAsync(List<string> keys, CancellationToken cancellationToken)
    {
        using var activity = LarderActivities.StartLoad(scope);
        activity?.SetTag(AttributeNames.BatchSize, keys.Count);
        try
        {
            var loaded = Checked(await load(keys, cancellationToken).ConfigureAwait(false));
            activity?.SetTag(AttributeNames.Outcome, loaded.Count == 0 ? "not_found" : "found");
            return loaded;
        }
        catch (Exception exception)
        {
            activity.Fail(LarderActivities.ErrorType(exception));
            activity?.SetTag(AttributeNames.Outcome, "failed");
            throw;
        }
    }

    private static IReadOnlyDictionary<string, T> Checked(IReadOnlyDictionary<string, T>? loaded) =>
        loaded ?? throw new InvalidOperationException("The function that loads several keys has returned null. Return an empty dictionary if nothing was found.");

    /// <summary>It is decided of one more key. The last one runs the function.</summary>
    private void Decide(string? arrived, CancellationToken token)
    {
        lock (_lock)
        {
            if (arrived is not null)
            {
                _arrived.Add((arrived, token));
            }

            if (--_undecided > 0 || _arrived.Count == 0)
            {
                return;
            }
        }

        // On a thread of its own: whoever comes last has work of its own to go on with.
        _ = Task.Run(RunAsync, CancellationToken.None);
    }

    private async Task RunAsync()
    {
        // As with a single load, the function is told to end when all who wait for any of its keys have left.
        using var abandoned = new CancellationTokenSource();
        var waited = _arrived.Count;
        var registrations = _arrived.ConvertAll(key => key.Token.UnsafeRegister(_ =>
        {
            if (Interlocked.Decrement(ref waited) == 0)
            {
                abandoned.Cancel();
            }
        }, null));
        try
        {
            _loaded.SetResult(await LoadAsync(_arrived.ConvertAll(key => key.Key), abandoned.Token).ConfigureAwait(false));
        }
        catch (Exception exception)
        {
            _loaded.SetException(exception);
            _ = _loaded.Task.Exception;
        }
        finally
        {
            foreach (var registration in registrations)
            {
                await registration.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>One key of the call.</summary>
    internal sealed class Member(LoadBatch<T> batch, string key)
    {
        private readonly Lock _lock = new();
        private bool _decided;
        private Load<T>? _own;

        /// <summary>The load this key leads or has joined; null if it is not cached.</summary>
        public Flight<T>? Flight { get; private set; }

        /// <summary>Whether the function was asked for the key and had nothing for it.</summary>
        public bool IsAbsent { get; private set; }

        /// <summary>The key's load has begun, or joins one that has.</summary>
        public void Begin(Flight<T> flight, Load<T>? own)
        {
            Flight = flight;
            _own = own;
            if (own is null)
            {
                StepOut();
            }
            else
            {
                own.Member = this;
            }
        }

        /// <summary>The others need not wait for this key: it has been found, or waits for someone else.</summary>
        public void StepOut()
        {
            if (TryDecide())
            {
                batch.Decide(null, default);
            }
        }

        /// <summary>The key has to be loaded.</summary>
        public async ValueTask<T> LoadAsync(CacheEntryContext? context, CancellationToken cancellationToken)
        {
            IReadOnlyDictionary<string, T> loaded;
            if (TryDecide())
            {
                batch.Decide(key, cancellationToken);
                loaded = await batch._loaded.Task.ConfigureAwait(false);
            }
            else
            {
                loaded = await batch.LoadAloneAsync(key, cancellationToken).ConfigureAwait(false);
            }

            if (loaded.TryGetValue(key, out var value))
            {
                IsAbsent = false;
                return value;
            }

            IsAbsent = true;
            if (batch.NullIsNotFound)
            {
                context?.NotFound();
            }
            else
            {
                context?.DoNotStore();

                // Who has joined with a factory of its own asks that one.
                if (_own is not null)
                {
                    _own.Result = FlightResult<T>.Unshareable;
                }
            }

            return default!;
        }

        private bool TryDecide()
        {
            lock (_lock)
            {
                return !_decided && (_decided = true);
            }
        }
    }
}
