using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder.Extensions;
using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>The middleware of an application in the order in which requests meet it, read from the pipeline as it was built.</summary>
/// <remarks>
/// <para>While an application is configured, a middleware is a function of which nobody can tell what it makes, and <c>WebApplication</c> has taken all of them before a start-up filter could
/// listen. Once built, each middleware holds the next in a field. So the fields are followed, of middleware, of the closures that the framework and lambdas make of it, and of the
/// options that hold a branch. What cannot be seen through ends the way, and what was not found is not complained about.</para>
/// <para>It is done once, when the application starts.</para>
/// </remarks>
internal sealed class Pipeline
{
    private const string CacheType = "Microsoft.AspNetCore.OutputCaching.OutputCacheMiddleware";
    private const string RoutingType = "Microsoft.AspNetCore.Routing.EndpointRoutingMiddleware";
    private const string EndpointType = "Microsoft.AspNetCore.Routing.EndpointMiddleware";

    private readonly Dictionary<object, Node> _nodes = new(ReferenceEqualityComparer.Instance);

    /// <param name="first">Where the pipeline begins.</param>
    /// <param name="before">What comes before that.</param>
    public Pipeline(RequestDelegate first, PipelineStep before)
    {
        var seen = new HashSet<(Node, PipelineStep, bool)>();
        var open = new Stack<(Node Node, PipelineStep Before, bool IsOnTrunk)>();
        void Go(Edge edge, PipelineStep before, bool isOnTrunk)
        {
            if (NodeOf(edge.Target) is { } node && seen.Add((node, before, isOnTrunk && !edge.IsBranch)))
            {
                open.Push((node, before, isOnTrunk && !edge.IsBranch));
            }
        }

        Go(new Edge(first.Target, false), before, true);
        while (open.TryPop(out var at))
        {
            at.Node.Before |= at.Before;
            at.Node.IsOnTrunk |= at.IsOnTrunk;
            foreach (var edge in at.Node.Edges)
            {
                Go(edge, at.Before | at.Node.Step, at.IsOnTrunk);
            }
        }
    }

    /// <summary>Every place of a step, and what comes before and after it.</summary>
    public IReadOnlyList<Place> Places(PipelineStep step) =>
        [.. _nodes.Values.Where(node => node.Step == step).Select(node => new Place(node.Before, After(node, isOnTrunk: false), After(node, isOnTrunk: true), node.IsOnTrunk))];

    private PipelineStep After(Node from, bool isOnTrunk)
    {
        var steps = PipelineStep.None;
        var seen = new HashSet<Node> { from };
        var open = new Stack<Node>([from]);
        while (open.TryPop(out var node))
        {
            foreach (var edge in node.Edges)
            {
                if (!(isOnTrunk && edge.IsBranch) && NodeOf(edge.Target) is { } next && seen.Add(next))
                {
                    steps |= next.Step;
                    open.Push(next);
                }
            }
        }

        return steps;
    }

    private Node? NodeOf(object? target)
    {
        if (target is null)
        {
            return null;
        }

        if (!_nodes.TryGetValue(target, out var node))
        {
            _nodes[target] = node = new Node(StepOf(target), [.. EdgesOf(target)]);
        }

        return node;
    }

    private static PipelineStep StepOf(object target) => target switch
    {
        AuthenticationMiddleware => PipelineStep.Authentication,
        AuthorizationMiddleware => PipelineStep.Authorization,
        LarderScopeMiddleware => PipelineStep.Scope,
        _ => target.GetType().FullName switch
        {
            CacheType => PipelineStep.Cache,
            RoutingType => PipelineStep.Routing,
            EndpointType => PipelineStep.Endpoint,
            _ => PipelineStep.None,
        },
    };

    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "A field that was trimmed away ends the way, and then nothing is complained about.")]
    private static IEnumerable<Edge> EdgesOf(object target)
    {
        for (var type = target.GetType(); type is not null && type != typeof(object); type = type.BaseType)
        {
            foreach (var field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                var edge = field.GetValue(target) switch
                {
                    RequestDelegate next => new Edge(next.Target, field.Name == "branch"),
                    MapOptions { Branch: { } branch } => new Edge(branch.Target, true),
                    MapWhenOptions { Branch: { } branch } => new Edge(branch.Target, true),

                    // A closure within a closure, and the middleware in the closure of one whose Invoke takes services.
                    { } inner when IsClosure(type) && (IsClosure(inner.GetType()) || (field.Name == "instance" && field.FieldType == typeof(object))) => new Edge(inner, false),
                    _ => default,
                };
                if (edge.Target is not null)
                {
                    yield return edge;
                }
            }
        }
    }

    private static bool IsClosure(Type type) => type.Name.Contains("DisplayClass", StringComparison.Ordinal);

    /// <summary>A place in the pipeline.</summary>
    /// <param name="Before">What comes before it on at least one way.</param>
    /// <param name="After">What comes after it on at least one way.</param>
    /// <param name="AfterOnTrunk">What comes after it where no branch is taken.</param>
    /// <param name="IsOnTrunk">Whether requests come here that take no branch.</param>
    internal sealed record Place(PipelineStep Before, PipelineStep After, PipelineStep AfterOnTrunk, bool IsOnTrunk)
    {
        /// <summary>Whether that step comes after this one on some way, and before it on none.</summary>
        public bool Precedes(PipelineStep step) => !Before.HasFlag(step) && After.HasFlag(step);
    }

    private readonly record struct Edge(object? Target, bool IsBranch);

    private sealed class Node(PipelineStep step, Edge[] edges)
    {
        public PipelineStep Step { get; } = step;

        public Edge[] Edges { get; } = edges;

        public PipelineStep Before { get; set; }

        public bool IsOnTrunk { get; set; }
    }
}
