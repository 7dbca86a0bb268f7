using Xunit;

namespace Larder.Tests;

/// <summary>A fact that needs Chromium; visibly skipped with <c>LARDER_TEST_BROWSER=none</c>. When the browser is merely missing it fails, and says what to install.</summary>
internal sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute() => Skip = BrowserBinary.SkipReason!;
}

/// <summary>A theory that needs Chromium; see <see cref="BrowserFactAttribute"/>.</summary>
internal sealed class BrowserTheoryAttribute : TheoryAttribute
{
    public BrowserTheoryAttribute() => Skip = BrowserBinary.SkipReason!;
}
