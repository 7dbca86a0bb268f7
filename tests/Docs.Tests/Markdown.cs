using System.Text.RegularExpressions;

namespace Larder.Docs.Tests;

/// <summary>What the checks need of a Markdown file: its fenced blocks, its links, and the anchors that a link can name.</summary>
internal sealed partial class Markdown
{
    private readonly List<Fence> _fences = [];
    private readonly string[] _prose;

    private Markdown(string[] lines)
    {
        _prose = lines;
        for (var index = 0; index < lines.Length; index++)
        {
            if (FenceStart().Match(lines[index]) is { Success: true } start)
            {
                index = ReadFence(start, index);
            }
        }
    }

    public IReadOnlyList<Fence> Fences => _fences;

    public static Markdown Parse(string text) => new(text.ReplaceLineEndings("\n").Split('\n'));

    /// <summary>The part below the heading, up to the next of the same or a higher level; <c>null</c> if there is none.</summary>
    public (int Start, int End)? Section(string title)
    {
        var headings = Headings().ToList();
        var index = headings.FindIndex(heading => heading.Title == title);
        if (index < 0)
        {
            return null;
        }

        var next = headings.Skip(index + 1).FirstOrDefault(heading => heading.Level <= headings[index].Level);
        return (headings[index].Line, next.Line > 0 ? next.Line : _prose.Length + 1);
    }

    /// <summary>Everything that is linked to, with the line where it is.</summary>
    public IEnumerable<(string Target, int Line)> Links()
    {
        var text = CodeOrComment().Replace(string.Join('\n', _prose), Blank);
        return from pattern in (Regex[])[InlineLink(), LinkDefinition(), HtmlLink()]
               from match in pattern.Matches(text)
               let target = match.Groups["target"]
               let line = 1 + text.AsSpan(0, target.Index).Count('\n')
               orderby line
               select (target.Value, line);
    }

    /// <summary>The anchors that GitHub gives the headings, and those written as HTML.</summary>
    public IReadOnlySet<string> Anchors()
    {
        var anchors = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (_, title, _) in Headings())
        {
            var plain = HtmlTag().Replace(LinkInTitle().Replace(title, "${text}"), "");
            var slug = NotInSlug().Replace(plain, "").ToLowerInvariant().Replace(' ', '-');
            var unique = slug;
            for (var count = 1; !anchors.Add(unique); count++)
            {
                unique = $"{slug}-{count}";
            }
        }

        anchors.UnionWith(HtmlAnchor().Matches(string.Join('\n', _prose)).Select(match => match.Groups["name"].Value));
        return anchors;
    }

    private IEnumerable<(int Level, string Title, int Line)> Headings() =>
        from line in _prose.Index()
        let match = Heading().Match(line.Item)
        where match.Success
        select (match.Groups["level"].Length, match.Groups["title"].Value, line.Index + 1);

    /// <summary>Takes a block out of the prose and returns the index of its last line.</summary>
    private int ReadFence(Match start, int index)
    {
        var (fence, indent) = (start.Groups["fence"].Value, start.Groups["indent"].Length);
        var first = index + 1;
        var text = new List<string>();
        _prose[index] = "";
        for (index = first; index < _prose.Length && !Closes(_prose[index], fence); index++)
        {
            var line = _prose[index];
            text.Add(line[Math.Min(indent, line.Length - line.TrimStart().Length)..]);
            _prose[index] = "";
        }

        if (index < _prose.Length)
        {
            _prose[index] = "";
        }

        _fences.Add(new(start.Groups["language"].Value.ToLowerInvariant(), first + 1, string.Join('\n', text), start.Groups["run"].Success));
        return index;
    }

    private static bool Closes(string line, string fence)
    {
        var mark = line.Trim();
        return mark.Length >= fence.Length && mark.All(character => character == fence[0]);
    }

    /// <summary>Spaces of the same size, so that lines keep their numbers.</summary>
    private static string Blank(Match match) => NotLineEnd().Replace(match.Value, " ");

    [GeneratedRegex(@"^(?<indent>\s*)(?<fence>`{3,}(?=[^`]*$)|~{3,})\s*(?<language>[^\s{,]*)(?:[ \t]+(?<run>run)\b)?")]
    private static partial Regex FenceStart();

    [GeneratedRegex(@"^ {0,3}(?<level>\#{1,6})\s+(?<title>.*?)\s*\#*\s*$")]
    private static partial Regex Heading();

    // A code span ends with as many backticks as it begins with, and within its paragraph.
    [GeneratedRegex(@"<!--.*?-->|(?<!`)(?<ticks>`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\k<ticks>(?!`)", RegexOptions.Singleline)]
    private static partial Regex CodeOrComment();

    [GeneratedRegex("[^\n]")]
    private static partial Regex NotLineEnd();

    // Begins at the end of the link's text, so that an image within a link is one of two.
    [GeneratedRegex(@"\]\(\s*(?:<(?<target>[^>\n]*)>|(?<target>(?:[^\s()]|\([^\s()]*\))*))(?:\s+(?:""[^""]*""|'[^']*'))?\s*\)")]
    private static partial Regex InlineLink();

    [GeneratedRegex(@"^ {0,3}\[(?!\^)[^\]]+\]:\s*<?(?<target>[^\s>]+)", RegexOptions.Multiline)]
    private static partial Regex LinkDefinition();

    [GeneratedRegex(@"<(?:a|img)\b[^>]*?\b(?:href|src)\s*=\s*[""'](?<target>[^""']*)[""']", RegexOptions.IgnoreCase)]
    private static partial Regex HtmlLink();

    [GeneratedRegex(@"<[a-z]+\b[^>]*?\b(?:id|name)\s*=\s*[""'](?<name>[^""']*)[""']", RegexOptions.IgnoreCase)]
    private static partial Regex HtmlAnchor();

    [GeneratedRegex(@"!?\[(?<text>[^\]]*)\]\([^)]*\)")]
    private static partial Regex LinkInTitle();

    [GeneratedRegex("</?[a-zA-Z][^>]*>")]
    private static partial Regex HtmlTag();

    [GeneratedRegex(@"[^\p{L}\p{M}\p{N}\p{Pc}\- ]")]
    private static partial Regex NotInSlug();
}
