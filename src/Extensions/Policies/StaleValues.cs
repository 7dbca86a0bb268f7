namespace Larder;

/// <summary>Which values that have expired may stand in for one that cannot be loaded.</summary>
public enum StaleValues
{
    /// <summary>
    /// Values of which it is certain that nothing has invalidated them: this node hears the others, or has compared the value with the second
    /// level within <see cref="LarderOptions.BackplaneTimeout"/>.
    /// </summary>
    Verified,

    /// <summary>
    /// Also values that this node does not know to be invalidated while the second level cannot be asked. What another node
    /// has invalidated meanwhile may be served.
    /// </summary>
    Unverified,

    /// <summary>Also values whose tag, namespace, project or tenant was invalidated. A key that was removed stays removed.</summary>
    Invalidated,
}
