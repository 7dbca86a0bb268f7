namespace Larder.Engine;

/// <summary>
/// A value that knows how many bytes it takes. It is counted at that where it is not serialized, is serialized into a buffer of the right
/// size at once, and has a bound of its own in place of <see cref="LarderOptions.MaximumPayloadBytes"/>.
/// </summary>
internal interface IMeasured
{
    int Size { get; }
}
