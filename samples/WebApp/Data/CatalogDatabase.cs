using Dapper;
using Microsoft.Data.Sqlite;

namespace Larder.Samples.WebApp.Data;

/// <summary>The SQLite file. Its calls run on the caller's thread: SQLite has no asynchronous ones.</summary>
public sealed class CatalogDatabase(string path)
{
    private readonly string _connectionString = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 30 }.ToString();

    /// <summary>Where the file is.</summary>
    public string Path { get; } = path;

    /// <summary>A connection from the pool.</summary>
    public async Task<SqliteConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new SqliteConnection(_connectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);

            // Writers wait for each other instead of failing. With a write-ahead log a commit need not reach the disk to be consistent.
            await connection.ExecuteAsync(new CommandDefinition("PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL", cancellationToken: cancellationToken));
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
