using System.Text.Json;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Dashboard;

/// <summary>What a page asks for.</summary>
internal sealed record OperationRequest(string? Tenant, string? Project, string? Namespace, string? Key, string? Tag)
{
    public CacheScope Scope => new(Tenant, Project, Namespace);
}

/// <summary>What it is answered: what was done, or the entry that was found.</summary>
internal sealed record OperationAnswer(string Text, EntryDocument? Entry = null);

/// <summary>The token that goes with each request, and the header it goes in.</summary>
internal sealed record TokenDocument(string Header, string Token);

/// <summary>Takes what a page asks for, if it comes from a page of ours. Names are in the body, so that no access log keeps them.</summary>
internal static class OperationEndpoint
{
    private const int LongestBody = 128 * 1024;
    private const string NoObject = "A JSON object is expected.";

    public static Task ServeTokenAsync(HttpContext context)
    {
        var tokens = context.RequestServices.GetRequiredService<IAntiforgery>().GetAndStoreTokens(context);
        return WriteAsync(context, new TokenDocument(tokens.HeaderName!, tokens.RequestToken!), DashboardJson.Default.TokenDocument);
    }

    public static async Task RunAsync(HttpContext context, Func<OperationRequest, string?, CancellationToken, Task<OperationAnswer>> operation)
    {
        // First of all: of anything else antiforgery would read a form, of any length, in search of its token.
        if (!context.Request.HasJsonContentType())
        {
            await RefuseAsync(context, StatusCodes.Status400BadRequest, NoObject).ConfigureAwait(false);
            return;
        }

        if (!await IsOursAsync(context).ConfigureAwait(false))
        {
            await RefuseAsync(context, StatusCodes.Status400BadRequest, "The antiforgery token is missing or not valid. Load the page again.").ConfigureAwait(false);
            return;
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = LongestBody;
        }

        try
        {
            var request = await JsonSerializer.DeserializeAsync(context.Request.Body, DashboardJson.Default.OperationRequest, context.RequestAborted).ConfigureAwait(false)
                ?? throw new ArgumentException(NoObject);
            var answer = await operation(request, context.User.Identity?.Name, context.RequestAborted).ConfigureAwait(false);
            await WriteAsync(context, answer, DashboardJson.Default.OperationAnswer).ConfigureAwait(false);
        }
        catch (JsonException)
        {
            await RefuseAsync(context, StatusCodes.Status400BadRequest, "The body is no JSON object of the expected form.").ConfigureAwait(false);
        }
        catch (BadHttpRequestException exception)
        {
            await RefuseAsync(context, exception.StatusCode, $"The body is longer than {LongestBody} bytes, or broken.").ConfigureAwait(false);
        }
        catch (ArgumentException exception)
        {
            await RefuseAsync(context, StatusCodes.Status400BadRequest, exception.Message).ConfigureAwait(false);
        }
        catch (SecondLevelException exception)
        {
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, exception.Message).ConfigureAwait(false);
        }
    }

    private static async Task<bool> IsOursAsync(HttpContext context)
    {
        try
        {
            return !RequestOrigin.IsElsewhere(context.Request) && await context.RequestServices.GetRequiredService<IAntiforgery>().IsRequestValidAsync(context).ConfigureAwait(false);
        }
        catch (AntiforgeryValidationException)
        {
            // A token that is none.
            return false;
        }
    }

    private static Task RefuseAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        return WriteAsync(context, new OperationAnswer(text), DashboardJson.Default.OperationAnswer);
    }

    private static Task WriteAsync<T>(HttpContext context, T document, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        return JsonSerializer.SerializeAsync(context.Response.BodyWriter, document, type, context.RequestAborted);
    }
}
