using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Microsoft.Extensions.Logging;

namespace Larder.Dashboard;

/// <summary>What can be done on the page.</summary>
internal sealed class DashboardOperations(Func<ICacheAdmin> admin, Func<CacheEngine> engine, bool allowsValues, ILogger logger)
{
    private const string Anonymous = "somebody who has not logged in";

    /// <summary>Each by the name it is called by. They get who asks.</summary>
    public IEnumerable<(string Name, Func<OperationRequest, string?, CancellationToken, Task<OperationAnswer>> Run)> All =>
    [
        ("find", FindAsync),
        ("remove-key", RemoveKeyAsync),
        ("remove-tag", RemoveTagAsync),
        ("clear-tenant", ClearTenantAsync),
        ("reset", ResetAsync),
    ];

    private async Task<OperationAnswer> FindAsync(OperationRequest request, string? user, CancellationToken cancellationToken)
    {
        var details = await admin().FindAsync(request.Scope, Required(request.Key, "key"), cancellationToken).ConfigureAwait(false);
        if (details is null)
        {
            return new OperationAnswer("No entry.");
        }

        if (!allowsValues)
        {
            return new OperationAnswer("Found.", EntryDocument.Of(details, null));
        }

        logger.OperatorActed("value looked at", user ?? Anonymous);
        var value = await engine().ReadPlainAsync(engine().Scope(request.Scope), details.Key, cancellationToken).ConfigureAwait(false);
        return new OperationAnswer("Found.", EntryDocument.Of(details, ValueDocument.Of(value)));
    }

    private async Task<OperationAnswer> RemoveKeyAsync(OperationRequest request, string? user, CancellationToken cancellationToken)
    {
        await new ScopedHybridCache(engine(), request.Scope).RemoveAsync(Required(request.Key, "key"), cancellationToken).ConfigureAwait(false);
        logger.OperatorActed("key removed", user ?? Anonymous);
        return Removed("The key is");
    }

    private async Task<OperationAnswer> RemoveTagAsync(OperationRequest request, string? user, CancellationToken cancellationToken)
    {
        await new ScopedHybridCache(engine(), request.Scope).RemoveByTagAsync(Required(request.Tag, "tag"), cancellationToken).ConfigureAwait(false);
        logger.OperatorActed("tag removed", user ?? Anonymous);
        return Removed("The entries with the tag are");
    }

    private async Task<OperationAnswer> ClearTenantAsync(OperationRequest request, string? user, CancellationToken cancellationToken)
    {
        await (request.Tenant is { } tenant ? admin().ClearTenantAsync(tenant, cancellationToken) : admin().ClearGlobalAsync(cancellationToken)).ConfigureAwait(false);
        logger.OperatorActed("tenant cleared", user ?? Anonymous);
        return Removed(request.Tenant is null ? "All entries without a tenant are" : "The tenant's entries are");
    }

    private Task<OperationAnswer> ResetAsync(OperationRequest request, string? user, CancellationToken cancellationToken)
    {
        admin().ResetStatistics();
        logger.OperatorActed("statistics reset", user ?? Anonymous);
        return Task.FromResult(new OperationAnswer("Counting begins anew."));
    }

    // What the server has not taken is kept, and told later.
    private OperationAnswer Removed(string what) => new(
        engine().PendingCount == 0 ? $"{what} removed, on all nodes." : $"{what} removed here. The server has not been told all yet; the other nodes follow when the server answers again.");

    private static string Required(string? text, string name) => string.IsNullOrEmpty(text) ? throw new ArgumentException($"Give a {name}.") : text;
}
