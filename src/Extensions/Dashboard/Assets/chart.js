// A line chart, as a drawing with a sentence that says the same, and a table that is its legend.

import { element, shape, nameOf, setText } from './dom.js';
import { updateRows } from './table.js';

const height = 150;
const margin = { left: 52, right: 8, top: 8, bottom: 20 };

/**
 * @param figure Where it goes.
 * @param title What it shows.
 * @param format A value as text.
 * @param ceiling The top of the scale; null for the greatest value.
 */
export function chart(figure, title, format, ceiling = null) {
  const drawing = shape('svg', { role: 'img', 'aria-labelledby': `${figure.id}-title`, 'aria-describedby': `${figure.id}-text` });
  const text = element('p', { id: `${figure.id}-text`, class: 'hint' }, 'Nothing to show yet.');
  const body = element('tbody');
  const legend = element('table', {}, element('caption', { class: 'unseen' }, `${title}: latest, lowest and highest`),
    element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'Line'), ...['Latest', 'Lowest', 'Highest'].map((name) => element('th', { scope: 'col', class: 'number' }, name)))), body);
  figure.replaceChildren(element('figcaption', { id: `${figure.id}-title` }, title), drawing, text,
    element('div', { class: 'scroll', role: 'region', 'aria-label': `${title} in numbers`, tabindex: '0' }, legend));
  let last = null;
  new ResizeObserver(() => last && draw(last)).observe(figure);

  function draw({ lines, from, to }) {
    const width = Math.max(240, figure.clientWidth);
    const values = lines.flatMap((line) => line.points.map((point) => point.y).filter((y) => y !== null));
    const top = ceiling ?? nice(Math.max(0, ...values));
    const x = (moment) => margin.left + ((moment - from) / Math.max(1, to - from)) * (width - margin.left - margin.right);
    const y = (value) => margin.top + (1 - value / top) * (height - margin.top - margin.bottom);
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      parts.push(shape('line', { class: 'grid', x1: margin.left, x2: width - margin.right, y1: y(top * share), y2: y(top * share) }));
      parts.push(shape('text', { class: 'label', x: margin.left - 6, y: y(top * share) + 4, 'text-anchor': 'end' }, format(top * share)));
    }
    const minutes = Math.round((to - from) / 60_000);
    parts.push(shape('text', { class: 'label', x: margin.left, y: height - 4 }, minutes >= 1 ? `${minutes} min ago` : `${Math.round((to - from) / 1000)} s ago`));
    parts.push(shape('text', { class: 'label', x: width - margin.right, y: height - 4, 'text-anchor': 'end' }, 'now'));

    // The first line, which is all of it, lies above the others.
    for (const line of [...lines].reverse()) {
      for (const run of runs(line.points)) {
        const coordinates = run.map((point) => `${x(point.x).toFixed(1)},${y(Math.min(top, point.y)).toFixed(1)}`);

        // A single point has no length: drawn twice it is a dot.
        const isDot = coordinates.length === 1;
        parts.push(shape('polyline', { class: `line ${line.style}${isDot ? ' dot' : ''}`, points: (isDot ? [coordinates[0], coordinates[0]] : coordinates).join(' ') }));
      }
    }
    drawing.setAttribute('viewBox', `0 0 ${width} ${height}`);
    drawing.setAttribute('height', height);
    drawing.replaceChildren(...parts);
  }

  return (state) => {
    last = state;
    draw(state);
    const rows = state.lines.map((line) => {
      const values = line.points.map((point) => point.y).filter((y) => y !== null);
      const latest = values.length ? values[values.length - 1] : null;
      return { ...line, latest, lowest: values.length ? Math.min(...values) : null, highest: values.length ? Math.max(...values) : null };
    });
    updateRows(body, rows, (row) => row.key, (row) => element('tr', {},
      element('th', { scope: 'row' }, swatch(row.style), row.label ?? nameOf(row.name)), ...[1, 2, 3].map(() => element('td', { class: 'number' }))), (row, item) => {
      row.querySelector('line').setAttribute('class', `line ${item.style}`);
      [item.latest, item.lowest, item.highest].forEach((value, index) => setText(row.cells[index + 1], format(value)));
    });
    const all = rows[0];
    setText(text, !all || all.latest === null ? 'Nothing to show yet.' : `${all.label}: latest ${format(all.latest)}, from ${format(all.lowest)} to ${format(all.highest)}.`);
  };
}

function swatch(style) {
  return shape('svg', { class: 'swatch', viewBox: '0 0 24 10', 'aria-hidden': 'true' }, shape('line', { class: `line ${style}`, x1: 0, x2: 24, y1: 5, y2: 5 }));
}

// A line is broken where there is nothing to show.
function runs(points) {
  const found = [];
  let run = [];
  for (const point of points) {
    if (point.y === null) {
      if (run.length) found.push(run);
      run = [];
    } else {
      run.push(point);
    }
  }
  if (run.length) found.push(run);
  return found;
}

function nice(value) {
  if (value <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * unit).find((step) => step >= value);
}
