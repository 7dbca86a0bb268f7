namespace Larder.Consistency.Checking;

/// <summary>What the source of truth holds: keys and tags of several tenants, and a version for whatever can be invalidated.</summary>
/// <remarks>
/// A key depends on seven versions: its own, those of its two tags, and those of its namespace, its project, its tenant
/// and of everything. A value is the list of the seven as they were when it was loaded.
/// </remarks>
internal sealed record Topology(int Tenants, int KeysPerTenant, int TagsPerTenant)
{
    public const int Dimensions = 7;

    public static Topology Default { get; } = new(3, 40, 8);

    public int Keys => Tenants * KeysPerTenant;

    public int Counters => (Tenants * PerTenant) + 1;

    public int Everything => Counters - 1;

    private int PerTenant => KeysPerTenant + TagsPerTenant + 3;

    public int TenantOf(int key) => key / KeysPerTenant;

    public string NameOf(int key) => $"key:{key % KeysPerTenant}";

    /// <summary>Two different tags.</summary>
    public string[] TagsOf(int key) => [TagName(FirstTag(key)), TagName(SecondTag(key))];

    public static string TagName(int tag) => $"tag:{tag}";

    public static CacheScope ScopeOf(int tenant) => new($"tenant-{tenant}", "web", "things");

    public int KeyCounter(int key) => (TenantOf(key) * PerTenant) + (key % KeysPerTenant);

    public int TagCounter(int tenant, int tag) => (tenant * PerTenant) + KeysPerTenant + tag;

    public int NamespaceCounter(int tenant) => (tenant * PerTenant) + KeysPerTenant + TagsPerTenant;

    public int ProjectCounter(int tenant) => NamespaceCounter(tenant) + 1;

    public int TenantCounter(int tenant) => NamespaceCounter(tenant) + 2;

    /// <summary>The seven counters of a key, in the order of a value's versions.</summary>
    public int Counter(int key, int dimension)
    {
        var tenant = TenantOf(key);
        return dimension switch
        {
            0 => KeyCounter(key),
            1 => TagCounter(tenant, FirstTag(key)),
            2 => TagCounter(tenant, SecondTag(key)),
            3 => NamespaceCounter(tenant),
            4 => ProjectCounter(tenant),
            5 => TenantCounter(tenant),
            _ => Everything,
        };
    }

    private int FirstTag(int key) => key % KeysPerTenant % TagsPerTenant;

    private int SecondTag(int key) => (FirstTag(key) + 1 + (key % KeysPerTenant / TagsPerTenant % (TagsPerTenant - 1))) % TagsPerTenant;
}
