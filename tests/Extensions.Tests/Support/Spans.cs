using System.Collections.Concurrent;
using System.Diagnostics;

namespace Larder.Tests;

/// <summary>What the test sets off, as spans: those of its own trace, and of traces that refer to it. Whoever uses it belongs to <see cref="Alone"/>.</summary>
internal sealed class Spans : IDisposable
{
    private readonly ActivityListener _listener;
    private readonly ConcurrentQueue<Activity> _ended = new();

    public Spans()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Larder",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _ended.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
        Root = new Activity("the test").Start();
    }

    /// <summary>The span of the test, the current one where this was made.</summary>
    public Activity Root { get; }

    /// <summary>Those that have ended.</summary>
    public Activity[] All
    {
        get
        {
            var ended = _ended.ToArray();
            var traces = ended.Where(span => span.Links.Any(link => link.Context.TraceId == Root.TraceId)).Select(span => span.TraceId).Append(Root.TraceId).ToHashSet();
            return [.. ended.Where(span => traces.Contains(span.TraceId))];
        }
    }

    public Activity[] Named(string name) => [.. All.Where(span => span.OperationName == name)];

    /// <summary>All that a span shows, as text.</summary>
    public static string Text(Activity span) =>
        $"{span.OperationName} {span.DisplayName} {span.StatusDescription} {string.Join(' ', span.TagObjects.Concat(span.Baggage.Select(item => new KeyValuePair<string, object?>(item.Key, item.Value))))} {string.Join(' ', span.Events.Select(item => $"{item.Name} {string.Join(' ', item.Tags)}"))}";

    public void Dispose()
    {
        Root.Dispose();
        _listener.Dispose();
    }
}
