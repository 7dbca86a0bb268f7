namespace Larder.Dashboard;

/// <summary>How this node stands to what it shares with others.</summary>
/// <param name="Backend">As in <see cref="LarderReport"/>.</param>
/// <param name="IsReachable">Whether the second level answers; null where there is none.</param>
/// <param name="OpenBreakers">The breakers that refuse calls.</param>
/// <param name="PendingInvalidations">How many invalidations wait to be told.</param>
/// <param name="Backplane">How it hears the others; null where it does not.</param>
internal sealed record NodeState(string Backend, bool? IsReachable, IReadOnlyList<string> OpenBreakers, int PendingInvalidations, BackplaneState? Backplane);

/// <summary>How a node hears the others.</summary>
/// <param name="Node">This node, as the others know it.</param>
/// <param name="IsTrusted">Whether it is known to hear everything.</param>
/// <param name="LagMilliseconds">How long its last word took to come back.</param>
/// <param name="Gaps">How often messages of others were missed.</param>
/// <param name="QueueLength">How many messages wait to be sent.</param>
/// <param name="NodesSeen">How many other nodes were heard lately.</param>
/// <param name="Nodes">The latest of these, 100 at most.</param>
internal sealed record BackplaneState(string Node, bool IsTrusted, long LagMilliseconds, long Gaps, int QueueLength, int NodesSeen, IReadOnlyList<NodeSeen> Nodes);

/// <summary>Another node.</summary>
/// <param name="Node">Its number, drawn anew when its process starts.</param>
/// <param name="MillisecondsAgo">When it was last heard.</param>
internal sealed record NodeSeen(string Node, long MillisecondsAgo);
