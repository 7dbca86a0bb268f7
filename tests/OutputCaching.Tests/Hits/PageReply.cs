using FsCheck;
using FsCheck.Fluent;
using Microsoft.AspNetCore.Http;

namespace Larder.Tests;

/// <summary>What an endpoint answers: any status that a route may cache, with any headers and body.</summary>
internal sealed record PageReply(int Status, (string Name, string[] Values)[] Headers, int[] Parts, bool SaysLength)
{
    /// <summary>For the route.</summary>
    public static readonly string[] Statuses = ["201=600", "203=600", "204=600", "301=600", "308=600", "400=600", "403=600", "404=600", "410=600", "418=600", "451=600"];

    // Some that the framework writes as numbers, in its own letters and in others; some that it leaves out; and some that a cache in front of the application sets too.
    private static readonly Gen<string> Name = Gen.OneOf(
        Gen.Elements(
            "Content-Type", "content-language", "ETag", "Last-Modified", "Link", "X-Frame-Options", "x-content-type-options", "Cache-Status", "Age", "Request-Id", "Date", "Server", "Content-Encoding",
            "Content-Security-Policy", "Location", "Warning", "Via", "Retry-After", "Accept-Ranges"),
        Gen.Elements("a", "Z", "9", "-", "_", "!", "~", "|").NonEmptyListOf().Select(parts => "X-" + string.Concat(parts.Take(8))));

    private static readonly Gen<string> Value = Gen.OneOf(
        Gen.Elements("", "nosniff", "NOSNIFF", "text/html; charset=utf-8", "gzip", "br", "*", "DENY", "\"v1\"", "W/\"v2\"", "Tue, 01 Oct 2024 00:00:00 GMT", "larder; hit"),
        Gen.Choose(' ', '~').Select(code => (char)code).ListOf().Select(list => new string([.. list])));

    public static readonly Gen<PageReply> All =
        from status in Gen.Elements(200, 200, 200, 201, 203, 204, 301, 308, 400, 403, 404, 410, 418, 451)
        from names in Name.ListOf()
        from values in Gen.ArrayOf(Value.NonEmptyListOf().Select(list => list.Take(3).ToArray()), names.Count)
        from parts in Gen.Elements(0, 1, 100, 3_000, 65_536, 65_537, 200_000).ListOf().Select(list => list.Take(3).ToArray())
        from saysLength in Gen.Elements(true, false)
        select new PageReply(status, [.. names.Zip(values)], status == 204 ? [] : parts, saysLength && status != 204);

    public async Task WriteAsync(HttpContext http)
    {
        http.Response.StatusCode = Status;
        foreach (var (name, values) in Headers)
        {
            http.Response.Headers[name] = values;
        }

        if (SaysLength)
        {
            http.Response.ContentLength = Parts.Sum();
        }

        foreach (var part in Parts)
        {
            var bytes = new byte[part];
            new Random(part).NextBytes(bytes);
            await http.Response.Body.WriteAsync(bytes);
            await http.Response.Body.FlushAsync();
        }
    }
}
