namespace Larder.Diagnostics;

/// <summary>What the attributes of measurements and spans are called. Those without the prefix are OpenTelemetry's.</summary>
internal static class AttributeNames
{
    public const string Namespace = "larder.namespace";
    public const string Tenant = "larder.tenant";
    public const string Level = "larder.level";
    public const string Outcome = "larder.outcome";
    public const string Reason = "larder.reason";
    public const string Kind = "larder.kind";
    public const string Origin = "larder.origin";
    public const string Operation = "larder.operation";
    public const string OperationKind = "larder.operation.kind";
    public const string Breaker = "larder.breaker";
    public const string BatchSize = "larder.batch.size";
    public const string System = "db.system.name";
    public const string DatabaseOperation = "db.operation.name";
    public const string ErrorType = "error.type";
}
