import { element, nameOf, setText, count, percent, duration, bytes, time } from './dom.js';
import { countTable, updateRows } from './table.js';
import { Load } from './load.js';
import { listen } from './feed.js';
import { clearTenantButton, start } from './operations.js';

const find = (id) => document.getElementById(id);
const load = new Load();
const namespaces = countTable(find('namespace-table'), 'Namespace');
const tenants = countTable(find('tenant-table'), 'Tenant', clearTenantButton);
const invalidations = [];
const shownInvalidations = 50;

function terms(list, rows) {
  rows.forEach(([name, value, tone], index) => {
    const row = list.children[index] ?? list.appendChild(element('div', {}, element('dt'), element('dd')));
    setText(row.firstElementChild, name);
    setText(row.lastElementChild, value);
    row.className = tone ?? '';
  });
  while (list.children.length > rows.length) list.lastElementChild.remove();
}

function showConnection(state) {
  const texts = { live: 'Live', lost: 'Connection lost, trying again', full: 'Refused: too many open pages, or no permission. Trying again' };
  setText(find('connection'), texts[state]);
  find('connection').className = `badge ${state === 'live' ? 'good' : 'bad'}`;
}

function showState(document) {
  const { state, total } = document;
  terms(find('tiles'), [
    ['Hit rate', percent(total.hits + total.joinedLoads + total.misses ? total.hitRate : null)],
    ['Hits', count(total.hits)], ['Misses', count(total.misses)], ['Average load', duration(total.loads ? total.averageLoadMilliseconds : null)],
    ['Not found', count(total.negativeHits)], ['Served stale', count(total.staleServed)], ['Entries', count(total.entries)], ['Memory', bytes(total.bytes)],
  ]);
  find('notice').hidden = document.isCounting;
  setText(find('notice'), document.howToCount ?? '');
  const backplane = state.backplane;
  terms(find('facts'), [
    ['Second level', state.isReachable === null ? 'none: memory alone' : `${state.backend}, ${state.isReachable ? 'answers' : 'does not answer'}`, state.isReachable === false ? 'bad' : ''],
    ['Circuit breakers', state.openBreakers.length ? `open: ${state.openBreakers.join(', ')}` : 'closed', state.openBreakers.length ? 'bad' : ''],
    ['Invalidations to be told', count(state.pendingInvalidations), state.pendingInvalidations ? 'bad' : ''],
    ...(backplane ? [
      ['Backplane', backplane.isTrusted ? 'hears all' : 'does not hear all; memory is compared with the second level', backplane.isTrusted ? '' : 'bad'],
      ['Other nodes', count(backplane.nodesSeen)], ['Lag', duration(backplane.lagMilliseconds)], ['Messages missed', count(backplane.gaps)], ['Messages waiting', count(backplane.queueLength)], ['This node', backplane.node],
    ] : [['Backplane', 'none: no other nodes']]),
    ['Counting since', new Date(document.since).toLocaleString('en', { hour12: false })],
  ]);
  const nodes = backplane?.nodes ?? [];
  find('nodes').hidden = nodes.length === 0;
  updateRows(find('nodes').tBodies[0], nodes, (node) => node.node, (node) => element('tr', {}, element('th', { scope: 'row' }, node.node), element('td', { class: 'number' })),
    (row, node) => setText(row.cells[1], `${duration(node.millisecondsAgo)} ago`));
  namespaces(document.namespaces, document.namespacesLeftOut);
  tenants(document.tenants, document.tenantsLeftOut);
}

function showInvalidations(added) {
  invalidations.unshift(...added.reverse());
  invalidations.length = Math.min(invalidations.length, shownInvalidations);
  const part = (item, name) => element('td', {}, item.hasScope ? nameOf(name) : '');
  updateRows(find('invalidation-table').tBodies[0], invalidations, (item) => item.number, (item) => element('tr', {},
    element('td', {}, time(item.at)), element('td', {}, item.kind === 'Unknown' ? 'Messages may have been missed' : item.kind), element('td', {}, item.name === null ? '' : nameOf(item.name)),
    part(item, item.tenant), part(item, item.project), part(item, item.namespace), element('td', {}, item.kind === 'Unknown' ? '' : item.isLocal ? 'this node' : 'another node')));
}

start();
listen({
  history(data) {
    load.begin(data.names, data.samples);
    invalidations.length = 0;
    showInvalidations(data.invalidations);
  },
  sample(data) {
    load.add(data.newNames, data.sample);
    if (data.invalidations.length) showInvalidations(data.invalidations);
  },
  state: showState,
}, showConnection);
