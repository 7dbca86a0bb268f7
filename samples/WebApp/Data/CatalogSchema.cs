namespace Larder.Samples.WebApp.Data;

internal static class CatalogSchema
{
    /// <summary>Readers do not wait for writers in this mode. It stays with the file, and cannot be set inside a transaction.</summary>
    public const string Journal = "PRAGMA journal_mode = WAL";

    /// <summary>Every key begins with the tenant, so no statement can reach a row without naming it.</summary>
    public const string Create = """
        CREATE TABLE IF NOT EXISTS tenants (
            name TEXT NOT NULL PRIMARY KEY,
            last_id INTEGER NOT NULL
        ) WITHOUT ROWID;

        CREATE TABLE IF NOT EXISTS products (
            tenant TEXT NOT NULL REFERENCES tenants (name),
            id INTEGER NOT NULL,
            sku TEXT NOT NULL,
            name TEXT NOT NULL,
            category TEXT NOT NULL,
            price_cents INTEGER NOT NULL,
            stock INTEGER NOT NULL,
            version INTEGER NOT NULL,
            PRIMARY KEY (tenant, id)
        ) WITHOUT ROWID;

        CREATE UNIQUE INDEX IF NOT EXISTS products_sku ON products (tenant, sku);
        CREATE INDEX IF NOT EXISTS products_name ON products (tenant, name, id);
        """;
}
