namespace Larder.Diagnostics;

/// <summary>The attributes of all scopes that are measured.</summary>
/// <remarks>
/// <b>Bounded.</b> What listens keeps a sum for each combination of attributes, for good, so there must not be any number of them. Namespaces beyond <see cref="MaximumNamespaces"/> (those that
/// are configured always count as themselves), and beyond <see cref="MaximumTenants"/> the tenants of namespaces, are measured together as <see cref="Other"/>. So are
/// names of more than <see cref="MaximumLength"/> characters. A name that has its place keeps it, so a sum never moves from one to the other.
/// </remarks>
internal sealed class ScopeLabelTable(LarderOptions options, int maximumNamespaces = ScopeLabelTable.MaximumNamespaces, int maximumTenants = ScopeLabelTable.MaximumTenants)
{
    public const int MaximumNamespaces = 100;

    /// <summary>Of all namespaces together: a tenant in two namespaces counts twice.</summary>
    public const int MaximumTenants = 1_000;

    public const int MaximumLength = 256;

    /// <summary>As OpenTelemetry calls what is not told apart.</summary>
    public const string Other = "_OTHER";

    private readonly Lock _lock = new();
    private readonly HashSet<string> _namespaces = new(options.Namespaces.Keys, StringComparer.Ordinal);
    private readonly Dictionary<(string? Namespace, string? Tenant), ScopeLabels> _labels = [];
    private int _tenants;

    /// <summary>The attributes of a scope. Asked for once per scope and only when something listens, so that names nobody has measured take no place.</summary>
    public ScopeLabels Get(CacheScope scope)
    {
        lock (_lock)
        {
            var name = scope.Namespace is not { } given || IsAdmitted(given) ? scope.Namespace : Other;
            var tenant = options.TelemetryByTenant ? scope.Tenant : null;
            if (tenant is not null && !_labels.ContainsKey((name, tenant)) && (tenant.Length > MaximumLength || _tenants >= maximumTenants))
            {
                tenant = Other;
            }

            if (!_labels.TryGetValue((name, tenant), out var labels))
            {
                _tenants += tenant is null or Other ? 0 : 1;
                _labels[(name, tenant)] = labels = new ScopeLabels(name, tenant);
            }

            return labels;
        }
    }

    private bool IsAdmitted(string name) => _namespaces.Contains(name) || (name.Length <= MaximumLength && _namespaces.Count < maximumNamespaces && _namespaces.Add(name));
}
