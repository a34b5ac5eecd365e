//! How a past call looks: a small mark in the row, told apart by colour, shape and number, and a line in the list.

import type { Kind } from './call.js';
import type { Call } from './history.js';

const NAMES: Record<Kind, string> = { served: 'Served', refused: 'Refused', failed: 'Failed' };

/** A mark of the row, with the same in words for those who do not see it, and for the mouse. */
export function mark(call: Call): HTMLLIElement {
  const item = document.createElement('li');
  const words = `${inWords(call)}, at ${timeOf(call)}, after ${call.duration} ms`;
  Object.assign(item.dataset, { kind: call.kind, status: String(call.status) });
  item.title = words;
  item.append(
    element('span', { textContent: call.status === 0 ? '×' : String(call.status), ariaHidden: 'true' }),
    element('span', { textContent: words, className: 'visually-hidden' }),
  );
  return item;
}

/** A line of the list. */
export function detail(call: Call): HTMLLIElement {
  const item = document.createElement('li');
  item.append(
    element('span', { textContent: timeOf(call) }),
    ' ',
    element('span', { textContent: `${NAMES[call.kind]}, ${call.status || 'no answer'}` }),
    ' ',
    element('span', { textContent: `${call.duration} ms`, className: 'duration' }),
  );
  if (call.traceId !== undefined) item.append(' ', element('span', { textContent: `trace ${call.traceId}`, className: 'trace' }));
  return item;
}

function inWords({ kind, status }: Call): string {
  return `${NAMES[kind]}, ${status === 0 ? 'no answer' : `status ${status}`}`;
}

function timeOf({ at }: Call): string {
  return at.toLocaleTimeString();
}

function element(name: string, properties: Partial<HTMLElement>): HTMLElement {
  return Object.assign(document.createElement(name), properties);
}
