using System.Text.Json.Serialization;

namespace Larder.Dashboard;

/// <summary>All JSON of this folder. <c>&lt;</c> and the like are escaped, so that it is harmless wherever it ends up.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(StatisticsDocument))]
[JsonSerializable(typeof(HistoryDocument))]
[JsonSerializable(typeof(SampleDocument))]
[JsonSerializable(typeof(TokenDocument))]
[JsonSerializable(typeof(OperationRequest))]
[JsonSerializable(typeof(OperationAnswer))]
internal sealed partial class DashboardJson : JsonSerializerContext;
