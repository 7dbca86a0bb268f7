namespace Larder;

/// <summary>What the cache holds for a key.</summary>
public enum CacheResultKind
{
    /// <summary>Nothing.</summary>
    Missing,

    /// <summary>That there is nothing to be found: a load said so not long ago.</summary>
    NotFound,

    /// <summary>A value, which may be null.</summary>
    Found,
}

/// <summary>The answer to a look into the cache that runs no factory.</summary>
/// <typeparam name="T">The type of the value.</typeparam>
/// <param name="Kind">Whether there is a value, the knowledge that there is none, or nothing.</param>
/// <param name="Value">The value; default unless <paramref name="Kind"/> is <see cref="CacheResultKind.Found"/>.</param>
public readonly record struct CacheResult<T>(CacheResultKind Kind, T? Value)
{
    /// <summary>Whether there is a value.</summary>
    public bool IsFound => Kind == CacheResultKind.Found;
}
