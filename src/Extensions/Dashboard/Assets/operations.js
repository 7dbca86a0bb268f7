// What can be done here: looking up, and, after a question, removing.

import { element, nameOf, labelOf, count, dateTime } from './dom.js';

const form = document.getElementById('entry-form');
const outcome = document.getElementById('outcome');
const shown = document.getElementById('entry');

async function post(operation, request) {
  try {
    const { header, token } = await answerOf(await fetch('token'));
    return await answerOf(await fetch(operation, { method: 'POST', headers: { 'Content-Type': 'application/json', [header]: token }, body: JSON.stringify(request) }));
  } catch (failure) {
    return { text: failure instanceof Refusal ? failure.message : 'The application does not answer.' };
  }
}

class Refusal extends Error {}

async function answerOf(response) {
  const isJson = response.headers.get('Content-Type')?.startsWith('application/json');
  if (response.ok && isJson) return response.json();
  const text = isJson ? (await response.json()).text : null;
  throw new Refusal(text ?? (response.status === 401 || response.status === 403 ? 'You may not do this. Log in and load the page again.' : `It failed (${response.status}).`));
}

const dialog = document.getElementById('confirm');
let settle = () => {};

// A browser tells of the end of a question a while after it. By then the next one may be open, which has settled the one before.
dialog.addEventListener('close', () => {
  if (!dialog.open) settle(dialog.returnValue === 'yes');
});

/** Asks, and says whether the answer was yes. */
function confirm(title, parts, yes) {
  settle(false);
  document.getElementById('confirm-title').textContent = title;
  document.getElementById('confirm-text').replaceChildren(...parts);
  document.getElementById('confirm-yes').textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    settle = resolve;
  });
}

const scopeParts = ({ tenant, project, namespace }) => [
  element('dl', { class: 'facts' }, ...[['Tenant', tenant], ['Project', project], ['Namespace', namespace]].flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, nameOf(value))])),
];

function read() {
  const value = (name) => form.elements[name].value;
  return { tenant: value('tenant') || null, project: value('project') || null, namespace: value('namespace') || null, key: value('key') || null, tag: value('tag') || null };
}

// Says that a field is needed, where the browser says such things.
function has(name) {
  const field = form.elements[name];
  field.setCustomValidity(field.value ? '' : `Give a ${name}.`);
  const given = form.reportValidity();
  field.setCustomValidity('');
  return given;
}

async function run(operation, request) {
  outcome.textContent = 'Asking…';
  const answer = await post(operation, request);
  outcome.textContent = answer.text;
  shown.replaceChildren(...(answer.entry ? [describe(answer.entry)] : []));
}

async function ask(operation, request, title, parts, yes) {
  if (await confirm(title, parts, yes)) await run(operation, request);
}

function describe(entry) {
  const list = (names) => (names.length ? element('ul', { class: 'names' }, ...names.map((name) => element('li', {}, nameOf(name)))) : '–');
  const rows = [
    ['Key', nameOf(entry.key)], ['Tenant', nameOf(entry.tenant)], ['Project', nameOf(entry.project)], ['Namespace', nameOf(entry.namespace)],
    ['Where', entry.levels], ['Created', dateTime(entry.created)], ['Expires', entry.expires ? dateTime(entry.expires) : 'never'],
    ['Tags', list(entry.tags)], ['Indexes', list(entry.indexes)], ['Size', `${count(entry.size)} bytes`], ['Holds', entry.isNotFound ? 'that there is nothing' : 'a value'],
    ['Hits here', entry.hits === null ? '–' : count(entry.hits)], ['Last read here', entry.lastAccess ? dateTime(entry.lastAccess) : '–'],
  ];
  const facts = element('dl', { class: 'facts', 'aria-label': 'The entry' }, ...rows.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));
  if (entry.value) {
    facts.append(element('dt', {}, 'Value'), element('dd', {}, ...(entry.value.note ? [element('p', { class: 'hint' }, entry.value.note)] : []),
      ...(entry.value.text === null ? [] : [element('pre', { tabindex: '0', dir: 'auto' }, entry.value.text)])));
  }
  return facts;
}

/** A button that clears a tenant. */
export function clearTenantButton(tenant) {
  const button = element('button', { type: 'button', class: 'danger', 'aria-label': `Clear tenant ${labelOf(tenant)}` }, 'Clear…');
  button.addEventListener('click', () => ask('clear-tenant', { tenant }, 'Clear a tenant?', [
    element('p', {}, 'All entries of ', nameOf(tenant), ', in all projects and namespaces, are removed on all nodes.'),
  ], 'Clear'));
  return button;
}

export function start() {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (has('key')) run('find', read());
  });
  document.getElementById('remove-key').addEventListener('click', () => {
    const request = read();
    if (has('key')) ask('remove-key', request, 'Remove a key?', [element('p', {}, 'The entry ', nameOf(request.key), ' is removed on all nodes.'), ...scopeParts(request)], 'Remove');
  });
  document.getElementById('remove-tag').addEventListener('click', () => {
    const request = read();
    if (has('tag')) ask('remove-tag', request, 'Remove a tag?', [element('p', {}, 'All entries with the tag ', nameOf(request.tag), ' in this scope are removed on all nodes.'), ...scopeParts(request)], 'Remove');
  });
  document.getElementById('reset').addEventListener('click', () => ask('reset', {}, 'Reset statistics?', [element('p', {}, 'This node begins to count anew. Entries stay.')], 'Reset'));
}
