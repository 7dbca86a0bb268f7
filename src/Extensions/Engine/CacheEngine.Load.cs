using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using Larder.Diagnostics;
using Larder.Tags;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    /// <summary>A read that memory could not answer: joins the load of the key, or leads one.</summary>
    private ValueTask<T> LoadAsync<TLoader, T>(
        ScopeState scope, string? keyText, TLoader loader, in EntryPolicy policy, IEnumerable<string>? tags, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        if (!IsCacheable(keyText) || policy.Expiration <= TimeSpan.Zero)
        {
            return policy.RunsFactory ? LoadUncachedAsync<TLoader, T>(scope, keyText ?? "", loader, policy, cancellationToken) : default;
        }

        var groups = ResolveTags(scope, tags, out var names);
        var key = new MemoryKey(scope, keyText);
        if (_flights.JoinOrAdd<T>(key, policy.Flags, _groups.Counter, groups, cancellationToken.CanBeCanceled || policy.Rules.HasTimeouts, out var flight))
        {
            loader.Begin(flight, null);
            return LarderActivities.IsFollowed
                ? JoinFollowedAsync(flight, loader, policy, names, cancellationToken)
                : JoinAsync(flight, loader, policy, names, cancellationToken);
        }

        var load = new Load<T>(flight, policy, names, groups);
        loader.Begin(flight, load);
        if (policy.Rules.HasTimeouts)
        {
            return LeadPatientlyAsync(load, loader, cancellationToken);
        }

        var led = LeadAsync(load, loader);
        if (led.IsCompleted || !cancellationToken.CanBeCanceled)
        {
            return led;
        }

        return AwaitOwnLoadAsync(led.AsTask(), flight, cancellationToken);
    }

    private async ValueTask<T> JoinAsync<TLoader, T>(Flight<T> flight, TLoader loader, EntryPolicy policy, IEnumerable<string>? tags, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        var began = policy.Rules.HasTimeouts ? _clock.Provider.GetTimestamp() : 0;
        if (policy.Rules.HasTimeouts && await AwaitLoadAsync<T>(flight.End, flight, policy, cancellationToken).ConfigureAwait(false) is { StandsIn: true } standIn && !flight.IsOvertaken)
        {
            return standIn.Value;
        }

        var scope = flight.Key.Scope;
        FlightResult<T> result = default;
        ExceptionDispatchInfo? failure = null;
        try
        {
            result = await flight.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (flight.Stale is not null && !cancellationToken.IsCancellationRequested)
        {
            failure = ExceptionDispatchInfo.Capture(exception);
        }

        if (flight.IsOvertaken)
        {
            // The flight cannot be joined any more, so this leads another or joins one that began later.
            return await LoadAsync<TLoader, T>(scope, flight.Key.Key, loader, Left(policy, began), tags, cancellationToken).ConfigureAwait(false);
        }

        if (TryRead(result, out var value))
        {
            CountJoined(scope);
            return value;
        }

        if ((failure is not null || flight.IsHeldBack) && await StandInAsync(flight, policy, failure is null ? Held : Failed).ConfigureAwait(false) is { StandsIn: true } stale)
        {
            return stale.Value;
        }

        failure?.Throw();
        CountMiss(scope, policy.RunsFactory);
        return policy.RunsFactory
            ? await LoadUncachedAsync<TLoader, T>(scope, flight.Key.Key, loader, Left(policy, began), cancellationToken).ConfigureAwait(false)
            : default!;
    }

    // What is left of the caller's patience.
    private EntryPolicy Left(in EntryPolicy policy, long began)
    {
        if (policy.Rules.HardTimeout == Timeout.InfiniteTimeSpan)
        {
            return policy;
        }

        var left = policy.Rules.HardTimeout - _clock.Provider.GetElapsedTime(began);
        return policy with { Rules = policy.Rules with { HardTimeout = left > TimeSpan.Zero ? left : TimeSpan.Zero } };
    }

    /// <summary>Runs a factory for its caller alone.</summary>
    private ValueTask<T> LoadUncachedAsync<TLoader, T>(ScopeState scope, string key, TLoader loader, in EntryPolicy policy, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T> =>
        policy.Rules.HardTimeout == Timeout.InfiniteTimeSpan
            ? LoadUncachedAsync<TLoader, T>(scope, key, loader, cancellationToken)
            : LoadUncachedAsync<TLoader, T>(scope, key, loader, policy.Rules.HardTimeout, cancellationToken);

    private async ValueTask<T> LoadUncachedAsync<TLoader, T>(ScopeState scope, string key, TLoader loader, TimeSpan timeout, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        // Nobody else wants what it loads, so it need not go on when its caller has left.
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var load = Task.Run(() => LoadUncachedAsync<TLoader, T>(scope, key, loader, leaving.Token).AsTask(), CancellationToken.None);
        await ((Task)load).WaitAsync(timeout, _clock.Provider, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (load.IsCompleted)
        {
            return await load.ConfigureAwait(false);
        }

        Observe(load);
        await leaving.CancelAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        throw new TimeoutException(FormattableString.Invariant($"The value was not loaded within {timeout} (HardTimeout)."));
    }

    private async ValueTask<T> LoadUncachedAsync<TLoader, T>(ScopeState scope, string key, TLoader loader, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        var context = loader.TakesContext ? new CacheEntryContext(key, scope.Scope, _scopes, stale: null, isBackground: false) : null;
        try
        {
            var value = await loader.LoadAsync(context, cancellationToken).ConfigureAwait(false);
            return context?.Failure is { } reason ? throw new CacheLoadException(reason) : value;
        }
        finally
        {
            await EndAsync(context).ConfigureAwait(false);
        }
    }

    // On a thread of its own, so that even a factory that blocks can be left.
    private async ValueTask<T> LeadPatientlyAsync<TLoader, T>(Load<T> load, TLoader loader, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        var led = Task.Run(() => LeadAsync(load, loader).AsTask(), CancellationToken.None);
        var waited = await AwaitLoadAsync<T>(led, load.Flight, load.Policy, cancellationToken).ConfigureAwait(false);
        return waited.StandsIn ? waited.Value : await led.ConfigureAwait(false);
    }

    private bool TryRead<T>(in FlightResult<T> result, [MaybeNullWhen(false)] out T value)
    {
        if (result.IsShareable)
        {
            try
            {
                value = result.Read();
                return true;
            }
            catch (Exception exception)
            {
                LogSerializerFailed<T>(exception);
            }
        }

        value = default;
        return false;
    }

    // The caller may leave while the load goes on for those who joined it.
    private static async ValueTask<T> AwaitOwnLoadAsync<T>(Task<T> load, Flight<T> flight, CancellationToken cancellationToken)
    {
        try
        {
            return await load.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && !load.IsCompleted)
        {
            flight.Leave();
            _ = load.ContinueWith(static abandoned => _ = abandoned.Exception, TaskScheduler.Default);
            throw;
        }
    }

    private async ValueTask<T> LeadAsync<TLoader, T>(Load<T> load, TLoader loader)
        where TLoader : struct, ILoader<T>
    {
        var flight = load.Flight;
        try
        {
            // A load may have ended between the look into memory and the entry in the table.
            T value;
            if (load.Refreshes is null && load.Policy.ReadsMemory && _memory.TryGet(flight.Key.Scope, flight.Key.Key, out var entry))
            {
                // Noted before the look that decides: who joins after a tag of the entry was invalidated must find that out.
                flight.FoundTags = entry.Tags;
                if (TryServe(entry, MayRefresh(load.Policy), isVerified: false, out value!, out var isDue))
                {
                    load.Due = isDue ? entry : null;
                    flight.Kind = entry is NegativeEntry ? CacheResultKind.NotFound : CacheResultKind.Found;
                    flight.Succeed(Shareable(load, value));
                    return value;
                }

                flight.FoundTags = null;
                if (_second is null && entry.Terms is not null)
                {
                    flight.Replaces(entry);
                    if (IsHeld(load) && await StandInAsync(flight, load.Policy, Held).ConfigureAwait(false) is { StandsIn: true } held)
                    {
                        flight.IsHeldBack = true;
                        flight.Succeed(FlightResult<T>.Unshareable);
                        return held.Value;
                    }
                }
            }

            if (_second is not null)
            {
                value = await LeadWithSecondLevelAsync(load, loader).ConfigureAwait(false);
            }
            else if (load.Policy.RunsFactory && await TryAwaitRefreshAsync(load).ConfigureAwait(false) is { Ended: true } refresh)
            {
                value = refresh.Value;
            }
            else if (load.Policy.RunsFactory)
            {
                var generation = _groups.Counter;
                value = await RunFactoryAsync(load, loader).ConfigureAwait(false);
                if (TryAddLateTags(load, generation) && !load.IsNotStored)
                {
                    StoreInMemoryOnly(load, value, generation, origin: null);
                }
            }
            else
            {
                flight.Kind = CacheResultKind.Missing;
                CountMiss(flight.Key.Scope, loads: false);
                value = default!;
            }

            flight.Succeed(flight.IsHeldBack ? FlightResult<T>.Unshareable : load.Result ?? Shareable(load, value));
            return value;
        }
        catch (Exception exception)
        {
            // When all callers have left there is nobody to stand in for, and nobody waits for a refresh: who joined it asks for itself.
            if (load.Refreshes is null && !flight.Token.IsCancellationRequested && await StandInAsync(flight, load.Policy, Failed).ConfigureAwait(false) is { StandsIn: true } standIn)
            {
                // Each of those who joined asks for itself.
                LogStandIn<T>(exception);
                flight.Fail(exception);
                return standIn.Value;
            }

            if (load.Refreshes is not null && !_stoppingToken.IsCancellationRequested)
            {
                LogRefreshFailed<T>(exception);
            }

            flight.Fail(exception);
            throw;
        }
        finally
        {
            if (load.Due is { } due)
            {
                // While the flight is in the table: a change of the key since it found the value shows in it.
                StartRefresh<TLoader, T>(due, loader, load.Policy, load.TagNames, flight);
            }

            _flights.Remove(flight);
            if (flight.IsDetached)
            {
                flight.DisposeToken();
                Interlocked.Decrement(ref _refreshes);
            }
        }
    }

    /// <summary>The result of a load that goes on in the background, for one that would run its own factory beside it.</summary>
    private async ValueTask<(bool Ended, T Value)> TryAwaitRefreshAsync<T>(Load<T> load)
    {
        var flight = load.Flight;
        if (RefreshCount == 0 || load.Refreshes is not null || !_flights.TryJoinRefresh(flight, load.Policy.Flags, load.Groups, out var refresh))
        {
            return default;
        }

        flight.StartFactory();
        load.Member?.StepOut();
        var result = await refresh.WaitAsync(flight.Token).ConfigureAwait(false);
        if (refresh.IsOvertaken || !TryRead(result, out var value))
        {
            return default;
        }

        flight.FoundTags = refresh.FoundTags;
        flight.Kind = refresh.Kind;
        return (true, value);
    }

    // A load of the value has failed a moment ago and is not to be tried again.
    private bool IsHeld<T>(Load<T> load) => load.Refreshes is null && load.Flight.Stale?.Terms is { } terms && _clock.Now < terms.RetryAt;

    private async ValueTask<T> RunFactoryAsync<TLoader, T>(Load<T> load, TLoader loader)
        where TLoader : struct, ILoader<T>
    {
        var flight = load.Flight;
        if (load.Refreshes is null)
        {
            CountMiss(flight.Key.Scope, loads: true);
        }

        // One that runs for several keys has one span (see LoadBatch).
        using var activity = load.Member is null ? LarderActivities.StartLoad(flight.Key.Scope, flight) : null;
        var (began, failure) = (BeginLoadTime(), (Exception?)null);
        var context = loader.TakesContext ? new CacheEntryContext(flight.Key.Key, flight.Key.Scope.Scope, _scopes, flight.Stale, load.Refreshes is not null) : null;
        flight.StartFactory();
        try
        {
            var value = await loader.LoadAsync(context, flight.Token).ConfigureAwait(false);
            if (context?.Failure is { } reason)
            {
                throw new CacheLoadException(reason);
            }

            if (context is { IsNotModified: true } && !context.TryGetStale(out value!))
            {
                throw new InvalidOperationException($"The factory said NotModified(), but the stale value of '{flight.Key.Key}' is no {typeof(T)}. Call TryGetStale<{typeof(T).Name}> first, and load the value if it gives none.");
            }

            Decide(load, context, value);
            return value;
        }
        catch (Exception exception)
        {
            failure = exception;
            activity.Fail(LarderActivities.ErrorType(exception));
            throw;
        }
        finally
        {
            activity?.SetTag(AttributeNames.Outcome, OutcomeOf(load, failure));
            CountLoad(load, began, failure);
            await EndAsync(context).ConfigureAwait(false);
        }
    }

    // What the factory has loaded is loaded, whatever its services do when they end.
    private async ValueTask EndAsync(CacheEntryContext? context)
    {
        try
        {
            if (context is not null)
            {
                await context.EndAsync().ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            if (_limiter.Admits(nameof(Log.ServicesFailedToEnd), exception.GetType().FullName, out var suppressed))
            {
                _logger.ServicesFailedToEnd(exception, suppressed);
            }
        }
    }
}
