// Tables that change in place: a row stays the same element while what it is about is there, and with it the focus, an open text and a selection.

import { element, nameOf, setText, count, percent, duration, bytes } from './dom.js';

const columns = [
  ['Hit rate', (row) => percent(row.hits + row.joinedLoads + row.misses ? row.hitRate : null)],
  ['Hits', (row) => count(row.hits)],
  ['Misses', (row) => count(row.misses)],
  ['Not found', (row) => count(row.negativeHits)],
  ['Stale', (row) => count(row.staleServed)],
  ['Loads', (row) => count(row.loads)],
  ['Load time', (row) => duration(row.loads ? row.averageLoadMilliseconds : null)],
  ['Entries', (row) => count(row.entries)],
  ['Bytes', (row) => bytes(row.bytes)],
];

/** Brings the rows of a table's body in line with a list. */
export function updateRows(body, items, keyOf, make, update) {
  const present = new Map(Array.from(body.rows, (row) => [row.rowKey, row]));
  let at = body.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let row = present.get(key);
    if (row) {
      present.delete(key);
    } else {
      row = make(item);
      row.rowKey = key;
    }
    update?.(row, item);
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
  for (const row of present.values()) row.remove();
}

/** A table of counts by name; with an action, a button in each row. */
export function countTable(table, title, action) {
  const head = element('tr', {}, element('th', { scope: 'col' }, title), ...columns.map(([name]) => element('th', { scope: 'col', class: 'number' }, name)));
  if (action) head.append(element('th', { scope: 'col' }, element('span', { class: 'unseen' }, 'Action')));
  const body = element('tbody');
  const note = element('caption');
  table.replaceChildren(note, element('thead', {}, head), body);

  return (rows, leftOut) => {
    setText(note, leftOut ? `The largest ${rows.length}; ${count(leftOut)} more are not shown.` : rows.length ? '' : 'Nothing yet.');
    updateRows(body, rows, (row) => JSON.stringify(row.name), (item) => {
      const row = element('tr', {}, element('th', { scope: 'row' }, nameOf(item.name)), ...columns.map(() => element('td', { class: 'number' })));
      if (action) row.append(element('td', {}, action(item.name)));
      return row;
    }, (row, item) => columns.forEach(([, text], index) => setText(row.cells[index + 1], text(item))));
  };
}
