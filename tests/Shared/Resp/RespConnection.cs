using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Larder.Tests.Shared;

/// <summary>A connection that speaks just enough RESP2 to steer a server: one command at a time, no retries.</summary>
/// <remarks>Tests must not judge a server through the client library that the code under test uses.</remarks>
public sealed class RespConnection : IAsyncDisposable
{
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;
    private readonly BufferedStream _answers;

    private RespConnection(TcpClient client)
    {
        _client = client;
        _stream = client.GetStream();
        _answers = new BufferedStream(_stream, 16 * 1024);
    }

    /// <summary>Connects to a port on the loopback address, and authenticates when a password is given.</summary>
    public static async Task<RespConnection> OpenAsync(int port, string? password = null, CancellationToken cancellationToken = default)
    {
        var client = new TcpClient { NoDelay = true };
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            var connection = new RespConnection(client);
            if (password is not null)
            {
                await connection.ExecuteAsync(["AUTH", password], cancellationToken);
            }

            return connection;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Sends one command and waits for its answer.</summary>
    /// <exception cref="RespException">The server answered with an error.</exception>
    public Task<RespValue> ExecuteAsync(IReadOnlyList<string> command, CancellationToken cancellationToken = default) =>
        ExecuteAsync([.. command.Select(part => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(part))], cancellationToken);

    /// <inheritdoc cref="ExecuteAsync(IReadOnlyList{string}, CancellationToken)"/>
    public async Task<RespValue> ExecuteAsync(IReadOnlyList<ReadOnlyMemory<byte>> command, CancellationToken cancellationToken = default)
    {
        using var request = new MemoryStream();
        request.Write(Encoding.UTF8.GetBytes($"*{command.Count}\r\n"));
        foreach (var part in command)
        {
            request.Write(Encoding.UTF8.GetBytes($"${part.Length}\r\n"));
            request.Write(part.Span);
            request.Write("\r\n"u8);
        }

        await _stream.WriteAsync(request.GetBuffer().AsMemory(0, (int)request.Length), cancellationToken);
        return await ReadAsync(cancellationToken);
    }

    /// <summary>Waits for an answer that no command asked for, such as a published message.</summary>
    public async Task<RespValue> ReadAsync(CancellationToken cancellationToken = default)
    {
        var line = await ReadLineAsync(cancellationToken);
        var rest = line[1..];
        switch (line[0])
        {
            case '+' or ':':
                return RespValue.Of(Encoding.UTF8.GetBytes(rest));
            case '-':
                throw new RespException(rest);
            case '$' when Length(rest) is var length:
                return length < 0 ? RespValue.Nil : RespValue.Of(await ReadBulkAsync(length, cancellationToken));
            case '*' when Length(rest) is var count:
                return count < 0 ? RespValue.Nil : await ReadListAsync(count, cancellationToken);
            default:
                throw new InvalidDataException($"Not an answer of RESP2: {line}");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // First what an answer may still be awaited from: its buffer would wait for that answer, and a test that has failed would hang instead.
        _client.Dispose();
        await _answers.DisposeAsync();
    }

    private static int Length(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private async Task<RespValue> ReadListAsync(int count, CancellationToken cancellationToken)
    {
        var items = new List<RespValue>(count);
        RespException? failed = null;
        for (var i = 0; i < count; i++)
        {
            try
            {
                items.Add(await ReadAsync(cancellationToken));
            }
            catch (RespException exception)
            {
                // The rest of the list must still be read, or the next command would get it as its answer.
                failed ??= exception;
            }
        }

        return failed is null ? RespValue.Of(items) : throw failed;
    }

    private async Task<byte[]> ReadBulkAsync(int length, CancellationToken cancellationToken)
    {
        var bytes = new byte[length + 2];
        await _answers.ReadExactlyAsync(bytes, cancellationToken);
        return bytes[..length];
    }

    private async Task<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        var line = new List<byte>();
        var one = new byte[1];
        while (line is not [.., (byte)'\r', (byte)'\n'])
        {
            await _answers.ReadExactlyAsync(one, cancellationToken);
            line.Add(one[0]);
        }

        return Encoding.UTF8.GetString([.. line[..^2]]);
    }
}
