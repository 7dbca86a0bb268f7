namespace Larder.Engine;

/// <summary>A caller's factory and its state, as one value.</summary>
internal interface ILoader<T>
{
    /// <summary>Whether the factory is given a context.</summary>
    bool TakesContext { get; }

    /// <summary>Told before anything else happens which load the caller leads (<paramref name="own"/>) or has joined.</summary>
    void Begin(Flight<T> flight, Load<T>? own);

    ValueTask<T> LoadAsync(CacheEntryContext? context, CancellationToken cancellationToken);

    /// <summary>
    /// The caller's hit is due for a load in the background, and this is the factory that it runs. Told before the caller has its value.
    /// </summary>
    /// <param name="refresh">Ends with the load.</param>
    /// <param name="elsewhere">Ends when another node turns out to load it already; the load then waits for that one.</param>
    void Refreshes(Task refresh, Task elsewhere);
}

internal readonly struct PlainLoader<TState, T>(TState state, Func<TState, CancellationToken, ValueTask<T>> factory) : ILoader<T>
{
    public bool TakesContext => false;

    public void Begin(Flight<T> flight, Load<T>? own)
    {
    }

    public ValueTask<T> LoadAsync(CacheEntryContext? context, CancellationToken cancellationToken) => factory(state, cancellationToken);

    public void Refreshes(Task refresh, Task elsewhere)
    {
    }
}

internal readonly struct ContextLoader<TState, T>(TState state, Func<TState, CacheEntryContext, CancellationToken, ValueTask<T>> factory) : ILoader<T>
{
    public bool TakesContext => true;

    public void Begin(Flight<T> flight, Load<T>? own)
    {
    }

    public ValueTask<T> LoadAsync(CacheEntryContext? context, CancellationToken cancellationToken) => factory(state, context!, cancellationToken);

    public void Refreshes(Task refresh, Task elsewhere)
    {
    }
}

/// <summary>No factory: what the cache holds, and nothing else.</summary>
internal readonly struct NoLoader<T> : ILoader<T>
{
    public bool TakesContext => false;

    public void Begin(Flight<T> flight, Load<T>? own)
    {
    }

    public ValueTask<T> LoadAsync(CacheEntryContext? context, CancellationToken cancellationToken) => default;

    public void Refreshes(Task refresh, Task elsewhere)
    {
    }
}

/// <summary>One key of a call that loads several.</summary>
internal readonly struct BatchLoader<T>(LoadBatch<T>.Member member) : ILoader<T>
{
    public bool TakesContext => true;

    public void Begin(Flight<T> flight, Load<T>? own) => member.Begin(flight, own);

    public ValueTask<T> LoadAsync(CacheEntryContext? context, CancellationToken cancellationToken) => member.LoadAsync(context, cancellationToken);

    public void Refreshes(Task refresh, Task elsewhere)
    {
    }
}
