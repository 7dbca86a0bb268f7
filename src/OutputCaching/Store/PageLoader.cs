using Larder.Engine;

namespace Larder.Http;

/// <summary>The factory of a page is the request that asks for it.</summary>
internal readonly struct PageLoader(PageRequest request) : ILoader<Page>
{
    public bool TakesContext => true;

    public void Begin(Flight<Page> flight, Load<Page>? own)
    {
    }

    public ValueTask<Page> LoadAsync(CacheEntryContext? context, CancellationToken cancellationToken) => request.LeadAsync(context!, cancellationToken);

    public void Refreshes(Task refresh, Task elsewhere) => request.Refreshes(refresh, elsewhere);
}
