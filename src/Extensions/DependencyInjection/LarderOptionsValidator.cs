using Larder.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Larder;

/// <summary>Checks the options at start. Each message quotes the offending value and says what it may be.</summary>
internal sealed class LarderOptionsValidator(IServiceProviderIsService? services = null) : IValidateOptions<LarderOptions>
{
    public ValidateOptionsResult Validate(string? name, LarderOptions options)
    {
        var faults = new List<string>();
        Text(faults, nameof(options.Prefix), options.Prefix);
        Text(faults, nameof(options.Version), options.Version);
        Check(faults, options.DefaultExpiration >= TimeSpan.Zero, nameof(options.DefaultExpiration), options.DefaultExpiration, "zero (caching off) or longer");
        Check(faults, options.ShortExpiration >= TimeSpan.Zero, nameof(options.ShortExpiration), options.ShortExpiration, "zero (caching off) or longer");
        Check(faults, options.LongExpiration >= TimeSpan.Zero, nameof(options.LongExpiration), options.LongExpiration, "zero (caching off) or longer");
        Positive(faults, nameof(options.DefaultLocalCacheExpiration), options.DefaultLocalCacheExpiration);
        Check(faults, options.MaximumKeyLength is >= 1 and <= 32_768, nameof(options.MaximumKeyLength), options.MaximumKeyLength, "from 1 to 32768");
        Check(faults, options.MaximumPayloadBytes is >= 1 and <= 512L * 1024 * 1024, nameof(options.MaximumPayloadBytes), options.MaximumPayloadBytes, "from 1 to 536870912 (512 MiB)");
        Check(faults, options.MaximumMemoryEntries >= 16, nameof(options.MaximumMemoryEntries), options.MaximumMemoryEntries, "at least 16");
        Check(faults, options.MaximumMemoryBytes >= 64 * 1024, nameof(options.MaximumMemoryBytes), options.MaximumMemoryBytes, "at least 65536 (64 KiB)");
        Timeout(faults, nameof(options.SecondLevelTimeout), options.SecondLevelTimeout);
        Timeout(faults, nameof(options.SecondLevelReadTimeout), options.SecondLevelReadTimeout);
        Timeout(faults, nameof(options.SecondLevelWriteTimeout), options.SecondLevelWriteTimeout);
        Timeout(faults, nameof(options.SecondLevelInvalidationTimeout), options.SecondLevelInvalidationTimeout);
        Check(faults, options.LeaseDuration >= TimeSpan.FromMilliseconds(100) && options.LeaseDuration <= TimeSpan.FromMinutes(5), nameof(options.LeaseDuration), options.LeaseDuration, "from 00:00:00.1 to 00:05:00");
        Check(faults, options.BackplaneTimeout >= TimeSpan.FromMilliseconds(200) && options.BackplaneTimeout <= TimeSpan.FromMinutes(5), nameof(options.BackplaneTimeout), options.BackplaneTimeout, "from 00:00:00.2 to 00:05:00");
        Check(faults, options.StampAge > TimeSpan.Zero && options.StampAge <= TimeSpan.FromDays(1), nameof(options.StampAge), options.StampAge, "longer than zero and at most 1.00:00:00");
        Check(faults, options.MinimumPoolThreads is >= 0 and <= 1_000, nameof(options.MinimumPoolThreads), options.MinimumPoolThreads, "from 0 (leave the thread pool alone) to 1000");
        Check(faults, options.OnReadFailure is SecondLevelFailure.Tolerate or SecondLevelFailure.Throw, nameof(options.OnReadFailure), options.OnReadFailure, "Tolerate or Throw, because a read that failed cannot be made up for later");
        Check(faults, options.OnWriteFailure is SecondLevelFailure.Queue or SecondLevelFailure.Throw, nameof(options.OnWriteFailure), options.OnWriteFailure, "Queue or Throw, because to set a key is to invalidate its old value, and an acknowledged invalidation would be lost");
        Check(faults, options.OnInvalidationFailure is SecondLevelFailure.Queue or SecondLevelFailure.Throw, nameof(options.OnInvalidationFailure), options.OnInvalidationFailure, "Queue or Throw, because an acknowledged invalidation would be lost");
        Check(faults, options.MaximumPendingInvalidations >= 1, nameof(options.MaximumPendingInvalidations), options.MaximumPendingInvalidations, "at least 1");
        Check(faults, options.PurgeInterval >= TimeSpan.Zero && options.PurgeInterval <= TimeSpan.FromDays(30), nameof(options.PurgeInterval), options.PurgeInterval, "from zero (never) to 30.00:00:00");
        Check(faults, options.MaximumBackgroundLoads >= 1, nameof(options.MaximumBackgroundLoads), options.MaximumBackgroundLoads, "at least 1");
        var hasKeys = services?.IsService(typeof(ICacheKeyProvider)) ?? false;
        foreach (var (ruleName, value, expected) in FaultsOf(options, null, hasKeys))
        {
            Check(faults, false, ruleName, value, expected);
        }

        foreach (var (key, value) in options.Namespaces)
        {
            if (value is null)
            {
                faults.Add($"Larder: Namespaces[{key}] is null; give it options, or remove it.");
                continue;
            }

            // What is wrong with the global options was said above.
            var global = FaultsOf(options, null, hasKeys).Select(fault => (fault.Name, fault.Value)).ToHashSet();
            foreach (var (ruleName, ruleValue, expected) in FaultsOf(options, value, hasKeys).Where(fault => !global.Contains((fault.Name, fault.Value))))
            {
                Check(faults, false, $"Namespaces[{key}].{ruleName}", ruleValue, expected);
            }

            Check(faults, value.DefaultExpiration is null || value.DefaultExpiration >= TimeSpan.Zero, $"Namespaces[{key}].DefaultExpiration", value.DefaultExpiration, "zero (caching off) or longer");
            Positive(faults, $"Namespaces[{key}].DefaultLocalCacheExpiration", value.DefaultLocalCacheExpiration);
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static IEnumerable<(string Name, object? Value, string Expected)> FaultsOf(LarderOptions options, NamespaceOptions? forNamespace, bool hasKeys) =>
        new EntryRules(options, forNamespace).Faults().Concat(new LayerRules(options, forNamespace, hasKeys).Faults(hasKeys));

    private static void Text(List<string> faults, string name, string? value) => Check(faults, !string.IsNullOrWhiteSpace(value), name, value, "text that is not empty");

    private static void Positive(List<string> faults, string name, TimeSpan? value) => Check(faults, value is null || value > TimeSpan.Zero, name, value, "longer than zero");

    private static void Timeout(List<string> faults, string name, TimeSpan? value) =>
        Check(faults, value is null || (value > TimeSpan.Zero && value <= TimeSpan.FromMinutes(5)), name, value, "longer than zero and at most 00:05:00");

    private static void Check(List<string> faults, bool holds, string name, object? value, string expected)
    {
        if (!holds)
        {
            faults.Add(FormattableString.Invariant($"Larder: {name} is '{value}'; it must be {expected}."));
        }
    }
}
