using Larder.Engine;

namespace Larder;

/// <summary>
/// Whose data a cache entry is: a tenant, a project and a namespace, each of which may be absent. Two different
/// scopes never share an entry, a tag or anything else at any level, whatever characters their parts contain.
/// </summary>
/// <remarks>
/// A part that is <see langword="null"/> is absent, which differs from an empty string. Parts are compared ordinally.
/// Instances are immutable; keep and reuse one per tenant where that is easy, because an instance remembers where the
/// engine keeps the scope's state.
/// </remarks>
public sealed class CacheScope : IEquatable<CacheScope>
{
    private static readonly AsyncLocal<CacheScope?> Ambient = new();

    /// <summary>Creates a scope.</summary>
    /// <param name="tenant">The tenant, or <see langword="null"/> for none.</param>
    /// <param name="project">The project, or <see langword="null"/> for none.</param>
    /// <param name="namespace">The namespace, or <see langword="null"/> for none.</param>
    public CacheScope(string? tenant = null, string? project = null, string? @namespace = null)
    {
        Tenant = tenant;
        Project = project;
        Namespace = @namespace;
    }

    /// <summary>The scope without tenant, project and namespace: entries that belong to the application as a whole.</summary>
    public static CacheScope Raw { get; } = new();

    /// <summary>The scope of the running call: what <see cref="Use"/> set, otherwise <see cref="Raw"/>.</summary>
    public static CacheScope Current => Ambient.Value ?? Raw;

    /// <summary>The tenant, or <see langword="null"/> for none.</summary>
    public string? Tenant { get; }

    /// <summary>The project, or <see langword="null"/> for none.</summary>
    public string? Project { get; }

    /// <summary>The namespace, or <see langword="null"/> for none.</summary>
    public string? Namespace { get; }

    /// <summary>The engine's state for this scope, remembered by the instance so that a hit needs no look-up for it.</summary>
    internal ScopeState? State { get; set; }

    /// <summary>A namespace that all tenants and projects share.</summary>
    /// <param name="namespace">The namespace.</param>
    public static CacheScope Shared(string @namespace)
    {
        ArgumentNullException.ThrowIfNull(@namespace);
        return new CacheScope(null, null, @namespace);
    }

    /// <summary>
    /// Makes <paramref name="scope"/> the scope of the running call, and of everything it starts, until the result is
    /// disposed. Calls that run side by side do not see each other's scope.
    /// </summary>
    /// <param name="scope">The scope to use.</param>
    /// <returns>Disposing it puts the scope back that was current before.</returns>
    public static Usage Use(CacheScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        var usage = new Usage(Ambient.Value);
        Ambient.Value = scope;
        return usage;
    }

    /// <summary>The same scope with another tenant.</summary>
    /// <param name="tenant">The tenant, or <see langword="null"/> for none.</param>
    public CacheScope WithTenant(string? tenant) => new(tenant, Project, Namespace);

    /// <summary>The same scope with another project.</summary>
    /// <param name="project">The project, or <see langword="null"/> for none.</param>
    public CacheScope WithProject(string? project) => new(Tenant, project, Namespace);

    /// <summary>The same scope with another namespace.</summary>
    /// <param name="namespace">The namespace, or <see langword="null"/> for none.</param>
    public CacheScope WithNamespace(string? @namespace) => new(Tenant, Project, @namespace);

    /// <inheritdoc />
    public bool Equals(CacheScope? other) =>
        other is not null && Tenant == other.Tenant && Project == other.Project && Namespace == other.Namespace;

    /// <inheritdoc />
    public override bool Equals(object? obj) => Equals(obj as CacheScope);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Tenant, Project, Namespace);

    /// <summary>Shows the parts for people, for example <c>tenant=acme project=web namespace=users</c>.</summary>
    public override string ToString() =>
        $"tenant={Tenant ?? "(none)"} project={Project ?? "(none)"} namespace={Namespace ?? "(none)"}";

    /// <summary>Ends the use of an ambient scope.</summary>
    public readonly struct Usage : IDisposable, IEquatable<Usage>
    {
        private readonly CacheScope? _before;

        internal Usage(CacheScope? before) => _before = before;

        /// <summary>Puts the scope back that was current before <see cref="Use"/>.</summary>
        public void Dispose() => Ambient.Value = _before;

        /// <inheritdoc />
        public bool Equals(Usage other) => ReferenceEquals(_before, other._before);

        /// <inheritdoc />
        public override bool Equals(object? obj) => obj is Usage other && Equals(other);

        /// <inheritdoc />
        public override int GetHashCode() => _before?.GetHashCode() ?? 0;

        /// <summary>Whether both end with the same scope.</summary>
        public static bool operator ==(Usage left, Usage right) => left.Equals(right);

        /// <summary>Whether they end with different scopes.</summary>
        public static bool operator !=(Usage left, Usage right) => !left.Equals(right);
    }
}
