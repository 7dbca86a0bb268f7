using System.Reflection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Larder.Tests.Diagnostics;

/// <summary>What is common to all messages of the log. That there are no others is seen to by BannedSymbols.txt.</summary>
public sealed class LogMessageTests
{
    // Names under which keys, tags, scopes and values would be handed to a message.
    private static readonly string[] Private = ["key", "tag", "tags", "name", "scope", "tenant", "project", "namespace", "value", "index", "channel"];

    [Theory]
    [InlineData("Larder.Extensions")]
    [InlineData("Larder.OutputCaching")]
    [InlineData("Larder.HealthChecks")]
    public void Each_message_has_an_event_id_of_its_own(string assembly)
    {
        var messages = Messages(assembly);

        Assert.NotEmpty(messages);
        Assert.All(messages, message => Assert.True(message.Attribute.EventId > 0, message.Method.Name));
        Assert.Equal([], messages.GroupBy(message => message.Attribute.EventId).Where(same => same.Count() > 1).Select(same => string.Join(", ", same.Select(message => message.Method.Name))));
    }

    [Theory]
    [InlineData("Larder.Extensions")]
    [InlineData("Larder.OutputCaching")]
    [InlineData("Larder.HealthChecks")]
    public void Only_messages_of_the_level_Debug_are_handed_keys_and_none_is_handed_a_value(string assembly)
    {
        Assert.Empty(Messages(assembly).SelectMany(message => message.Method.GetParameters()
            .Where(parameter => Private.Contains(parameter.Name, StringComparer.OrdinalIgnoreCase) && (message.Attribute.Level > LogLevel.Debug || parameter.Name == "value"))
            .Select(parameter => $"{message.Method.Name} takes '{parameter.Name}'")));
    }

    [Fact]
    public void Messages_are_handed_text_and_numbers_never_objects_of_the_application()
    {
        Type[] known = [typeof(ILogger), typeof(Exception), typeof(string), typeof(int), typeof(long), typeof(double)];

        Assert.Empty(Messages("Larder.Extensions").SelectMany(message => message.Method.GetParameters().Where(parameter => !known.Contains(parameter.ParameterType)).Select(parameter => $"{message.Method.Name}: {parameter}")));
    }

    private static List<(MethodInfo Method, LoggerMessageAttribute Attribute)> Messages(string assembly) =>
        [.. from type in Assembly.Load(assembly).GetTypes()
            from method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
            let attribute = method.GetCustomAttribute<LoggerMessageAttribute>()
            where attribute is not null
            select (method, attribute)];
}
