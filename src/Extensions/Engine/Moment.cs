namespace Larder.Engine;

/// <summary>What was true before a value was computed by someone of whom the engine is told afterwards.</summary>
/// <param name="Generation">This node's counter of invalidations.</param>
/// <param name="ScopeStamp">The folded stamp of the scope's levels; zero if it is not known.</param>
/// <param name="TagActivity">The stamp that changes with every tag that is invalidated in the scope; zero if it is not known.</param>
internal readonly record struct Moment(long Generation, long ScopeStamp = 0, long TagActivity = 0);
