using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Larder.Tests;

/// <summary>Keeps what is logged, from Information up.</summary>
internal sealed class TestLog : ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _messages = new();

    public IReadOnlyCollection<(LogLevel Level, string Text)> Messages => _messages;

    /// <summary>The messages that contain a text.</summary>
    public string[] Find(string text) => [.. _messages.Select(message => message.Text).Where(message => message.Contains(text, StringComparison.Ordinal))];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _messages.Enqueue((logLevel, formatter(state, exception)));
}

/// <summary>One log for all categories.</summary>
internal sealed class TestLogProvider(TestLog log) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => log;

    public void Dispose()
    {
    }
}
