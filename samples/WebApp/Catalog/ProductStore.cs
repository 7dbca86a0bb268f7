using System.Collections.Immutable;
using Dapper;
using Larder.Samples.WebApp.Data;
using Microsoft.Data.Sqlite;

namespace Larder.Samples.WebApp.Catalog;

/// <summary>The products in the database. Every statement names the tenant; values are parameters, never text.</summary>
public sealed class ProductStore(CatalogDatabase database)
{
    private const string Columns = "id AS Id, sku AS Sku, name AS Name, category AS Category, price_cents AS PriceCents, stock AS Stock, version AS Version";

    private const string Matches = "tenant = @tenant AND (@pattern IS NULL OR name LIKE @pattern ESCAPE '\\' OR category LIKE @pattern ESCAPE '\\')";

    private const int ConstraintViolated = 19;

    public async Task<Product?> FindAsync(string tenant, long id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await FindAsync(connection, null, tenant, id, cancellationToken);
    }

    public async Task<ProductPage> SearchAsync(string tenant, ProductSearch search, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);

        // One snapshot, so that the count fits the rows.
        await using var transaction = connection.BeginTransaction(deferred: true);
        var parameters = new { tenant, pattern = Pattern(search.Q), size = search.Size, skip = (search.Page - 1L) * search.Size };
        var total = await connection.ExecuteScalarAsync<long>(new CommandDefinition(
            $"SELECT count(*) FROM products WHERE {Matches}", parameters, transaction, cancellationToken: cancellationToken));
        var items = await connection.QueryAsync<Product>(new CommandDefinition(
            $"SELECT {Columns} FROM products WHERE {Matches} ORDER BY name, id LIMIT @size OFFSET @skip", parameters, transaction, cancellationToken: cancellationToken));
        return new ProductPage([.. items], search.Page, search.Size, total);
    }

    public Task<Product> CreateAsync(string tenant, ProductDraft draft, CancellationToken cancellationToken) =>
        WriteAsync(draft.Sku, async (connection, transaction) =>
        {
            // Numbers are never given twice, not even after a deletion: the old one may still be in somebody's bookmarks.
            await connection.ExecuteAsync(new CommandDefinition(
                "UPDATE tenants SET last_id = last_id + 1 WHERE name = @tenant", new { tenant }, transaction, cancellationToken: cancellationToken));
            var id = await connection.ExecuteScalarAsync<long>(new CommandDefinition(
                "SELECT last_id FROM tenants WHERE name = @tenant", new { tenant }, transaction, cancellationToken: cancellationToken));
            await connection.ExecuteAsync(new CommandDefinition(
                """
                INSERT INTO products (tenant, id, sku, name, category, price_cents, stock, version)
                VALUES (@tenant, @id, @Sku, @Name, @Category, @PriceCents, @Stock, 1)
                """,
                new { tenant, id, draft.Sku, draft.Name, draft.Category, draft.PriceCents, draft.Stock },
                transaction,
                cancellationToken: cancellationToken));
            return new Product(id, draft.Sku, draft.Name, draft.Category, draft.PriceCents, draft.Stock, 1);
        }, cancellationToken);

    public Task<WriteResult> UpdateAsync(string tenant, long id, ProductDraft draft, long? version, CancellationToken cancellationToken) =>
        WriteAsync(draft.Sku, async (connection, transaction) =>
        {
            var changed = await connection.ExecuteAsync(new CommandDefinition(
                """
                UPDATE products
                SET sku = @Sku, name = @Name, category = @Category, price_cents = @PriceCents, stock = @Stock, version = version + 1
                WHERE tenant = @tenant AND id = @id AND (@version IS NULL OR version = @version)
                """,
                new { tenant, id, version, draft.Sku, draft.Name, draft.Category, draft.PriceCents, draft.Stock },
                transaction,
                cancellationToken: cancellationToken));
            var product = await FindAsync(connection, transaction, tenant, id, cancellationToken);
            return changed == 1 ? new WriteResult(WriteOutcome.Done, product) : NotWritten(product);
        }, cancellationToken);

    public Task<WriteResult> DeleteAsync(string tenant, long id, long? version, CancellationToken cancellationToken) =>
        WriteAsync("", async (connection, transaction) =>
        {
            var deleted = await connection.ExecuteAsync(new CommandDefinition(
                "DELETE FROM products WHERE tenant = @tenant AND id = @id AND (@version IS NULL OR version = @version)",
                new { tenant, id, version },
                transaction,
                cancellationToken: cancellationToken));
            return deleted == 1 ? new WriteResult(WriteOutcome.Done) : NotWritten(await FindAsync(connection, transaction, tenant, id, cancellationToken));
        }, cancellationToken);

    private static WriteResult NotWritten(Product? product) => new(product is null ? WriteOutcome.Missing : WriteOutcome.Changed);

    private static Task<Product?> FindAsync(SqliteConnection connection, SqliteTransaction? transaction, string tenant, long id, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<Product?>(new CommandDefinition(
            $"SELECT {Columns} FROM products WHERE tenant = @tenant AND id = @id", new { tenant, id }, transaction, cancellationToken: cancellationToken));

    // The transaction takes the write lock at its start, so that what it reads cannot change before it writes.
    private async Task<T> WriteAsync<T>(string sku, Func<SqliteConnection, SqliteTransaction, Task<T>> write, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = connection.BeginTransaction(deferred: false);
        try
        {
            var result = await write(connection, transaction);

            // From here on the change is made; a client that leaves now must not turn it into an error.
            await transaction.CommitAsync(CancellationToken.None);
            return result;
        }
        catch (SqliteException exception) when (exception.SqliteErrorCode == ConstraintViolated)
        {
            throw new SkuTakenException(sku);
        }
    }

    private static string? Pattern(string? text) => string.IsNullOrEmpty(text)
        ? null
        : $"%{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal)}%";
}
