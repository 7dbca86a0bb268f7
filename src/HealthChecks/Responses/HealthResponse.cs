using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Larder.Health;

/// <summary>A health report as JSON: <c>{"status":"Degraded","durationMilliseconds":1.2,"entries":{"larder":{…}}}</c>.</summary>
internal static class HealthResponse
{
    public static async Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json; charset=utf-8";

        // Alone: the health middleware sets a longer list, with directives that no-store makes needless.
        context.Response.Headers.CacheControl = "no-store";
        var writer = new Utf8JsonWriter(context.Response.BodyWriter);
        await using (writer.ConfigureAwait(false))
        {
            writer.WriteStartObject();
            WriteOutcome(writer, report.Status, report.TotalDuration);
            writer.WriteStartObject("entries");
            foreach (var (name, entry) in report.Entries)
            {
                writer.WriteStartObject(name);
                WriteEntry(writer, entry);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        await context.Response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    private static void WriteEntry(Utf8JsonWriter writer, HealthReportEntry entry)
    {
        WriteOutcome(writer, entry.Status, entry.Duration);

        // Where a check threw, its description is the exception's text, which may name servers and users.
        if (entry.Exception is null && entry.Description is { } description)
        {
            writer.WriteString("description", description);
        }

        if (entry.Exception is not null || entry.Data.Count == 0)
        {
            return;
        }

        writer.WritePropertyName("data");
        WriteData(writer, entry.Data);
    }

    private static void WriteData(Utf8JsonWriter writer, IReadOnlyDictionary<string, object> data)
    {
        writer.WriteStartObject();
        foreach (var (name, value) in data)
        {
            writer.WritePropertyName(name);
            WriteValue(writer, value);
        }

        writer.WriteEndObject();
    }

    private static void WriteOutcome(Utf8JsonWriter writer, HealthStatus status, TimeSpan duration)
    {
        writer.WriteString("status", status.ToString());
        writer.WriteNumber("durationMilliseconds", Math.Round(duration.TotalMilliseconds, 2));
    }

    private static void WriteValue(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case int or long:
                writer.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case double number when double.IsFinite(number):
                writer.WriteNumberValue(number);
                break;
            case IReadOnlyDictionary<string, object> data:
                WriteData(writer, data);
                break;
            default:
                writer.WriteStringValue(Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }
}
