namespace Larder.Docs.Tests;

/// <summary>What a statement of a page must print whenever it is reached, and that is at least once.</summary>
/// <param name="File">The page.</param>
/// <param name="Line">The line of the statement's end.</param>
/// <param name="Expected">The text of its comment.</param>
internal sealed record PageCheck(string File, int Line, string Expected);
