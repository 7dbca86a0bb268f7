// Hears what is new, and says when nothing is heard.

/**
 * @param handlers By the name of the event.
 * @param tell Told 'live', 'lost' or 'full'.
 */
export function listen(handlers, tell) {
  let source;
  let silence;
  let losing;
  let patience = 30_000;

  function open() {
    source = new EventSource('events');
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        const data = JSON.parse(event.data);
        if (data.intervalSeconds) patience = 5000 + 5000 * data.intervalSeconds;
        clearTimeout(losing);
        losing = null;
        tell('live');
        wait();
        handle(data);
      });
    }
    source.addEventListener('error', () => {
      // It opens again by itself after a break, of which the application makes one now and then, but not after a refusal.
      if (source.readyState === EventSource.CLOSED) tell('full');
      else losing ??= setTimeout(() => tell('lost'), 4000);
      wait();
    });
    wait();
  }

  // A connection can die without a word.
  function wait() {
    clearTimeout(silence);
    silence = setTimeout(() => {
      tell('lost');
      source.close();
      open();
    }, source.readyState === EventSource.CLOSED ? 10_000 : patience);
  }

  open();
}
