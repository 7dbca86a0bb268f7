// The samples of the last minutes, and the charts of them.

import { percent, duration, bytes } from './dom.js';
import { chart } from './chart.js';

const windowMilliseconds = 15 * 60_000;
const shownSeries = 5;

const all = { key: 'all', label: 'All', style: 'line-0' };

export class Load {
  #samples = [];
  #names = new Map();
  #hitRate = chart(document.getElementById('hit-rate'), 'Hit rate', percent, 1);
  #loadTime = chart(document.getElementById('load-time'), 'Average load time', duration);
  #memory = chart(document.getElementById('memory'), 'Memory level', bytes);

  get latest() {
    return this.#samples[this.#samples.length - 1] ?? null;
  }

  begin(names, samples) {
    this.#names = new Map();
    this.#samples = [];
    this.#addNames(names);
    samples.forEach((sample) => this.#add(sample));
    this.#draw();
  }

  add(names, sample) {
    this.#addNames(names);
    this.#add(sample);
    this.#draw();
  }

  #addNames(names) {
    names.forEach((series) => this.#names.set(series.id, series.name));
  }

  #add(sample) {
    sample.x = Date.parse(sample.at);
    this.#samples.push(sample);
    const oldest = sample.x - windowMilliseconds;
    while (this.#samples[0].x < oldest) this.#samples.shift();
  }

  #draw() {
    if (!this.#samples.length) return;
    const range = { from: this.#samples[0].x, to: this.latest.x };
    const series = this.#busiest();
    const lines = (value) => [
      { ...all, points: this.#samples.map((sample) => ({ x: sample.x, y: value(sample.total) })) },
      ...series.map(({ id, style }) => ({
        key: id, name: this.#names.get(id), style,
        points: this.#samples.map((sample) => ({ x: sample.x, y: value(sample.series.find((point) => point.id === id)) })),
      })),
    ];
    this.#hitRate({ ...range, lines: lines((point) => (point?.reads ? point.hits / point.reads : null)) });
    this.#loadTime({ ...range, lines: lines((point) => (point?.loads ? point.loadMilliseconds / point.loads : null)) });
    this.#memory({ ...range, lines: [{ ...all, key: 'bytes', label: 'Bytes', points: this.#samples.map((sample) => ({ x: sample.x, y: sample.bytes })) }] });
  }

  // Those with most reads in the window, in the order in which they came, so that a line keeps its look.
  #busiest() {
    const reads = new Map();
    for (const sample of this.#samples) {
      for (const point of sample.series) reads.set(point.id, (reads.get(point.id) ?? 0) + point.reads);
    }
    return [...reads].sort((one, other) => other[1] - one[1]).slice(0, shownSeries).map(([id]) => id).sort((one, other) => one - other)
      .map((id, index) => ({ id, style: `line-${index + 1}` }));
  }
}
