using Larder.Diagnostics;

namespace Larder.Engine;

/// <remarks>What may have to be said with every call is said once a minute.</remarks>
internal sealed partial class CacheEngine
{
    public void LogRecacheFailed(Exception exception, string resource)
    {
        if (_limiter.Admits(nameof(Log.RecacheFailed), resource, out var suppressed))
        {
            _logger.RecacheFailed(exception, resource, suppressed);
        }
    }

    private void LogSerializerFailed<T>(Exception exception)
    {
        if (_limiter.Admits(nameof(Log.SerializerFailed), typeof(T).FullName, out var suppressed))
        {
            _logger.SerializerFailed(exception, typeof(T).Name, suppressed);
        }
    }

    private void LogValueTooLarge<T>()
    {
        if (_limiter.Admits(nameof(Log.ValueTooLarge), typeof(T).FullName, out var suppressed))
        {
            _logger.ValueTooLarge(typeof(T).Name, _options.MaximumPayloadBytes, suppressed);
        }
    }

    private void LogNoKey(Exception? cause)
    {
        if (_limiter.Admits(nameof(Log.NoKey), null, out var suppressed))
        {
            _logger.NoKey(cause, suppressed);
        }
    }

    private void LogRejected(string fault)
    {
        if (_limiter.Admits(nameof(Log.PayloadRejected), fault, out var suppressed))
        {
            _logger.PayloadRejected(fault, suppressed);
        }
    }

    private void LogDoubt(string cause)
    {
        if (_limiter.Admits(nameof(Log.BackplaneDoubt), cause, out var suppressed))
        {
            _logger.BackplaneDoubt(cause, suppressed);
        }
    }

    private void LogOverflow(int count)
    {
        if (_limiter.Admits(nameof(Log.PendingOverflow), null, out var suppressed))
        {
            _logger.PendingOverflow(count, _options.MaximumPendingInvalidations, suppressed);
        }
    }

    private void LogStandIn<T>(Exception exception)
    {
        if (_limiter.Admits(nameof(Log.StaleStandsIn), typeof(T).FullName, out var suppressed))
        {
            _logger.StaleStandsIn(exception, typeof(T).Name, suppressed);
        }
    }

    private void LogRefreshFailed<T>(Exception exception)
    {
        if (_limiter.Admits(nameof(Log.RefreshFailed), typeof(T).FullName, out var suppressed))
        {
            _logger.RefreshFailed(exception, typeof(T).Name, suppressed);
        }
    }
}
