using System.Diagnostics;
using Dapper;

namespace Larder.Samples.WebApp.Data;

/// <summary>Makes and fills the database before the application takes requests, if it is not there yet.</summary>
internal sealed partial class CatalogSeeder(CatalogDatabase database, ILogger<CatalogSeeder> logger) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(database.Path))!);
        await using var connection = await database.OpenAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(CatalogSchema.Journal, cancellationToken: cancellationToken));

        // All or nothing, under the write lock: of two processes that start together one fills it and the other finds it filled.
        await using var transaction = connection.BeginTransaction(deferred: false);
        await connection.ExecuteAsync(new CommandDefinition(CatalogSchema.Create, transaction: transaction, cancellationToken: cancellationToken));
        if (await connection.ExecuteScalarAsync<long>(new CommandDefinition("SELECT count(*) FROM tenants", transaction: transaction, cancellationToken: cancellationToken)) > 0)
        {
            return;
        }

        var started = Stopwatch.GetTimestamp();
        for (var number = 0; number < Tenants.All.Length; number++)
        {
            var tenant = Tenants.All[number];
            await connection.ExecuteAsync(new CommandDefinition(
                "INSERT INTO tenants (name, last_id) VALUES (@tenant, @last)", new { tenant, last = DemoProducts.PerTenant }, transaction, cancellationToken: cancellationToken));
            await connection.ExecuteAsync(new CommandDefinition(
                """
                INSERT INTO products (tenant, id, sku, name, category, price_cents, stock, version)
                VALUES (@tenant, @Id, @Sku, @Name, @Category, @PriceCents, @Stock, @Version)
                """,
                DemoProducts.Of(tenant, number).Select(product => new
                {
                    tenant, product.Id, product.Sku, product.Name, product.Category, product.PriceCents, product.Stock, product.Version,
                }),
                transaction,
                cancellationToken: cancellationToken));
        }

        await transaction.CommitAsync(cancellationToken);
        LogSeeded(Tenants.All.Length * DemoProducts.PerTenant, Tenants.All.Length, database.Path, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(1, LogLevel.Information, "Created {Products} products of {Tenants} tenants in {Path} within {Milliseconds:0} ms.")]
    private partial void LogSeeded(int products, int tenants, string path, double milliseconds);
}
