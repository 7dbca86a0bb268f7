// Makes elements. Text becomes text nodes only: nothing here, or anywhere on the page, reads text as markup.

const longest = 64;

/** An element with attributes and children; a string becomes text. */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for a drawing. */
export function shape(name, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

/** Sets text only where it changes, so that a selection in it stays. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

// What cannot be seen, or turns the direction of what follows, is written as an escape.
function visible(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}

/** A name of the application's: isolated, so that its direction is its own; a long one is cut, and opens to its whole length. */
export function nameOf(text) {
  if (text === null || text === undefined) return element('span', { class: 'none' }, '(none)');
  if (text === '') return element('span', { class: 'none' }, '(empty)');
  const shown = visible(text);
  const characters = Array.from(shown.slice(0, 2 * longest));
  if (characters.length <= longest && shown.length <= 2 * longest) return element('bdi', { class: 'name' }, shown);
  return element('details', { class: 'long' },
    element('summary', {}, element('bdi', { class: 'name' }, characters.slice(0, longest).join('') + '…'), ` (${text.length.toLocaleString('en')} characters)`),
    element('bdi', { class: 'name whole' }, shown));
}

/** A name as text alone, for labels. */
export function labelOf(text) {
  if (text === null || text === undefined) return '(none)';
  const characters = Array.from(visible(text).slice(0, 2 * longest));
  return characters.length > longest ? characters.slice(0, longest).join('') + '…' : characters.join('') || '(empty)';
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export const count = (number) => whole.format(number);
export const percent = (share) => (share === null ? '–' : `${short.format(share * 100)} %`);

export function duration(milliseconds) {
  if (milliseconds === null) return '–';
  if (milliseconds < 1000) return `${short.format(milliseconds)} ms`;
  return milliseconds < 60_000 ? `${short.format(milliseconds / 1000)} s` : `${short.format(milliseconds / 60_000)} min`;
}

export function bytes(number) {
  if (number === null) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const unit = Math.min(units.length - 1, number < 1 ? 0 : Math.floor(Math.log10(number) / 3));
  return `${short.format(number / 1000 ** unit)} ${units[unit]}`;
}

export const time = (moment) => element('time', { datetime: moment }, new Date(moment).toLocaleTimeString('en', { hour12: false }));
export const dateTime = (moment) => element('time', { datetime: moment }, new Date(moment).toLocaleString('en', { hour12: false }));
