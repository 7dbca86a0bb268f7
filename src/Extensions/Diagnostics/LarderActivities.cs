using System.Diagnostics;
using System.Runtime.CompilerServices;
using Larder.Engine;

namespace Larder.Diagnostics;

/// <summary>Every span of the pack, from one source named <c>Larder</c>. None holds a key, a tag's name or a value, nor the message of an exception, which may.</summary>
/// <remarks>Where nobody listens each of these is a branch.</remarks>
internal static class LarderActivities
{
    public const string SourceName = "Larder";

    private static readonly ActivitySource Source = new(SourceName, LarderMetrics.Version);

    // Beside the loads rather than in them, so that one that nobody follows is no larger for it.
    private static readonly ConditionalWeakTable<object, Activity> Loads = [];

    /// <summary>Whether anybody listens.</summary>
    public static bool IsFollowed => Source.HasListeners();

    /// <summary>
    /// Whether operations at the second level are to be shown: those within something that is followed. What the cache does there by itself would be a trace for each beat of its heart.
    /// </summary>
    public static bool FollowsSecondLevel => IsFollowed && Activity.Current is not null;

    /// <summary>A factory runs, for the call that leads the load.</summary>
    /// <param name="scope">Whose value.</param>
    /// <param name="flight">The load that others may wait for, if it is one.</param>
    public static Activity? StartLoad(ScopeState scope, object? flight = null)
    {
        var load = Start("larder.load", scope);
        if (load is not null && flight is not null)
        {
            Loads.AddOrUpdate(flight, load);
        }

        return load;
    }

    /// <summary>A call waits for the load that another leads.</summary>
    public static Activity? StartWait(ScopeState scope) => Start("larder.wait", scope);

    /// <summary>A load in the background. It outlives the request that set it off, so it is a trace of its own that refers to that.</summary>
    public static Activity? StartRefresh(ScopeState scope)
    {
        if (!IsFollowed)
        {
            return null;
        }

        // What starts without a current span has no parent. Whoever calls this is an asynchronous method of its own, so nobody else sees the change.
        var reader = Activity.Current;
        Activity.Current = null;
        var refresh = Source.StartActivity("larder.refresh", ActivityKind.Internal, default(ActivityContext), scope.Labels.Scope, reader is null ? null : [new ActivityLink(reader.Context)]);
        Activity.Current = refresh ?? reader;
        return refresh;
    }

    /// <summary>An invalidation that is asked for on this node.</summary>
    /// <param name="kind">What is invalidated: a key, a tag, a pattern, a level.</param>
    /// <param name="scope">Whose; null for a level above a namespace.</param>
    public static Activity? StartInvalidation(string kind, ScopeState? scope) =>
        IsFollowed
            ? Source.StartActivity("larder.invalidate", ActivityKind.Internal, default(ActivityContext), (scope?.Labels ?? ScopeLabels.None).With(LarderMetrics.Tag(AttributeNames.Kind, kind)))
            : null;

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

    /// <summary>Connects a span with that of the load it has waited for, which may be part of another trace.</summary>
    public static void RefersToLoadOf(this Activity? activity, object flight)
    {
        if (activity is not null && Loads.TryGetValue(flight, out var load))
        {
            activity.AddLink(new ActivityLink(load.Context));
        }
    }

    /// <summary>Marks a span as failed. Its description is no exception's message, which may quote a key.</summary>
    public static void Fail(this Activity? activity, string error) => activity?.SetTag(AttributeNames.ErrorType, error).SetStatus(ActivityStatusCode.Error, error);

    /// <summary>The same, for the filter of a <c>catch</c> that is to catch nothing.</summary>
    public static bool Fails(this Activity? activity, Exception exception)
    {
        activity.Fail(ErrorType(exception));
        return false;
    }

    /// <summary>What kind of error it is: one of few.</summary>
    public static string ErrorType(Exception? exception) => exception switch
    {
        null => ScopeLabelTable.Other,
        TimeoutException => "timeout",
        _ => exception.GetType().FullName ?? exception.GetType().Name,
    };

    private static Activity? Start(string name, ScopeState scope) => IsFollowed ? Source.StartActivity(name, ActivityKind.Internal, default(ActivityContext), scope.Labels.Scope) : null;
}
