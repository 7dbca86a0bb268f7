namespace Larder.Samples.WebApp.Hosting;

/// <summary>Whether the data of this request came from the data cache.</summary>
public sealed class DataCacheLog
{
    /// <summary>True for a hit, false for a miss, null if the data cache was not asked.</summary>
    public bool? Hit { get; private set; }

    /// <summary>Notes a read. Of several, one miss makes it a miss.</summary>
    public void Read(bool hit) => Hit = hit && Hit != false;
}
