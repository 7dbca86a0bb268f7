using Larder.Http;
using Xunit;

namespace Larder.Tests;

/// <summary>A ticket leads to its request, and after that nowhere.</summary>
public sealed class PageTicketTests
{
    private readonly PageTickets _tickets = new();

    [Fact]
    public void More_requests_than_there_are_slots_are_all_found_each_by_its_own_key()
    {
        var requests = Enumerable.Range(0, 5_000).Select(_ => new PageFeature(null!)).ToArray();
        foreach (var request in requests)
        {
            _tickets.Issue(request);
        }

        Assert.Equal(requests.Length, _tickets.Count);
        Assert.Equal(requests.Length, requests.Select(request => _tickets.KeyOf(request.Ticket)).Distinct().Count());
        Assert.All(requests, request => Assert.Same(request, Find(_tickets.KeyOf(request.Ticket))));
    }

    [Fact]
    public void A_key_leads_nowhere_when_its_request_has_withdrawn_it_and_others_took_its_slot()
    {
        var requests = Enumerable.Range(0, 5_000).Select(_ => new PageFeature(null!)).ToArray();
        var keys = new List<string>();
        for (var round = 0; round < 3; round++)
        {
            foreach (var request in requests)
            {
                _tickets.Issue(request);
                keys.Add(_tickets.KeyOf(request.Ticket));
            }

            foreach (var request in requests)
            {
                _tickets.Withdraw(request);
                _tickets.Withdraw(request);
            }

            Assert.Equal(0, _tickets.Count);
        }

        var late = new PageFeature(null!);
        _tickets.Issue(late);
        Assert.All(keys, key => Assert.Null(Find(key)));
        Assert.Same(late, Find(_tickets.KeyOf(late.Ticket)));
    }

    [Fact]
    public async Task Requests_at_once_find_themselves()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                var request = new PageFeature(null!);
                _tickets.Issue(request);
                var key = _tickets.KeyOf(request.Ticket);
                Assert.Same(request, Find(key));
                _tickets.Withdraw(request);
                Assert.Null(Find(key));
            }
        })));

        Assert.Equal(0, _tickets.Count);
    }

    [Fact]
    public void Others_cannot_write_a_ticket()
    {
        var request = new PageFeature(null!);
        _tickets.Issue(request);
        var key = _tickets.KeyOf(request.Ticket);

        Assert.False(_tickets.IsTicket(new PageTickets().KeyOf(request.Ticket), out _));
        Assert.True(_tickets.IsTicket("around" + key + "it", out var found));
        Assert.Same(request, found);
        Assert.True(_tickets.IsTicket(key.AsSpan(0, key.Length - 1), out var cut));
        Assert.Null(cut);
    }

    private PageFeature? Find(string key)
    {
        Assert.True(_tickets.IsTicket(key, out var found));
        return found;
    }
}
