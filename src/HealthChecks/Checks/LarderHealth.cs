namespace Larder.Health;

internal static class LarderHealth
{
    /// <summary>Checks with this tag decide whether an instance gets traffic.</summary>
    public const string ReadyTag = "ready";
}
