namespace Larder.Tests.Keys;

internal enum NodeKind
{
    Leaf,
    Tuple,
    Sequence,
    Set,
    Map,
}
