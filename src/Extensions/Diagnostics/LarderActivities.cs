using System.Diagnostics;

namespace Larder.Diagnostics;

/// <summary>Every span of the pack, from one source named <c>Larder</c>. None holds a key, a tag's name or a value, nor the message of an exception, which may.</summary>
/// <remarks>Where nobody listens each of these is a branch.</remarks>
internal static class LarderActivities
{
    public const string SourceName = "Larder";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>
    /// Whether operations at the second level are to be shown: those within something that is followed. What the cache does there by itself would be a trace for each beat of its heart.
    /// </summary>
    public static bool FollowsSecondLevel => Source.HasListeners() && Activity.Current is not null;

    /// <summary>An operation at the second level, as OpenTelemetry describes calls to databases.</summary>
    /// <param name="operation">Larder's name of the operation; it may be one command of the server or several.</param>
    /// <param name="system">What the second level is, as OpenTelemetry calls it; null for what it has no name for.</param>
    public static Activity? StartOperation(string operation, string? system)
    {
        if (!FollowsSecondLevel)
        {
            return null;
        }

        var tags = new TagList { LarderMetrics.Tag(AttributeNames.Operation, operation) };
        if (system is not null)
        {
            tags.Add(LarderMetrics.Tag(AttributeNames.System, system));
            tags.Add(LarderMetrics.Tag(AttributeNames.DatabaseOperation, operation));
        }

        return Source.StartActivity($"larder.second_level.{operation}", ActivityKind.Client, default(ActivityContext), tags);
    }

    /// <summary>Marks a span as failed. Its description is no exception's message, which may quote a key.</summary>
    public static void Fail(this Activity? activity, string error) => activity?.SetTag(AttributeNames.ErrorType, error).SetStatus(ActivityStatusCode.Error, error);

    /// <summary>What kind of error it is: one of few.</summary>
    public static string ErrorType(Exception? exception) => exception switch
    {
        null => ScopeLabelTable.Other,
        TimeoutException => "timeout",
        _ => exception.GetType().FullName ?? exception.GetType().Name,
    };
}
