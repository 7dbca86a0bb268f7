using System.Text.Json;
using System.Text.Json.Nodes;

namespace Larder.Engine;

/// <summary>Changes fields of a JSON object as RFC 7386 (JSON Merge Patch) says: null removes a field, an object is merged into the one it meets, anything else takes the place.</summary>
internal static class JsonMerge
{
    private const string Advice = "Only what System.Text.Json has written as an object has fields to change. Use UpdateAsync with a delegate to change any value.";

    /// <exception cref="InvalidOperationException"><paramref name="value"/> is not a JSON object.</exception>
    public static byte[] Apply(ReadOnlyMemory<byte>? value, JsonObject changes, string key)
    {
        JsonNode? present;
        try
        {
            present = value is { } json ? Parse(json.Span) : throw new JsonException();
        }
        catch (JsonException exception)
        {
            throw new InvalidOperationException($"The value of '{Shorten(key)}' is not JSON that can be changed. {Advice}", exception);
        }

        if (present is not JsonObject target)
        {
            throw new InvalidOperationException($"The value of '{Shorten(key)}' is {Kind(present)}, not a JSON object. {Advice}");
        }

        Merge(target, changes);
        using var buffer = new PayloadWriter(Array.MaxLength);
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true }))
        {
            target.WriteTo(writer);
        }

        return buffer.Written.ToArray();
    }

    /// <summary>Reads JSON in which no object names a field twice: there would be no telling which one is meant.</summary>
    /// <exception cref="JsonException">It is not.</exception>
    public static JsonNode? Parse(ReadOnlySpan<byte> json) => JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });

    public static string Kind(JsonNode? node) => node switch
    {
        null => "null",
        JsonObject => "an object",
        JsonArray => "an array",
        _ => $"a {node.GetValueKind()} value",
    };

    public static string Shorten(string text) => text.Length <= 80 ? text : text[..80] + "…";

    // Nothing is nested deeper than System.Text.Json reads, 64 levels by default.
    private static void Merge(JsonObject target, JsonObject changes)
    {
        foreach (var (name, change) in changes)
        {
            if (change is null)
            {
                target.Remove(name);
            }
            else if (change is JsonObject fields)
            {
                if (target[name] is not JsonObject into)
                {
                    target[name] = into = [];
                }

                Merge(into, fields);
            }
            else
            {
                target[name] = change.DeepClone();
            }
        }
    }
}
