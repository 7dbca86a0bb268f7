namespace Larder.Docs.Tests;

/// <summary>A fenced block of a Markdown file.</summary>
/// <param name="Language">The first word after the fence, in lower case.</param>
/// <param name="Line">The line in the file where the text begins.</param>
/// <param name="Text">What is between the fences.</param>
/// <param name="Runs">Whether the second word is <c>run</c>: the page is a program, and this is part of it.</param>
internal sealed record Fence(string Language, int Line, string Text, bool Runs = false);
