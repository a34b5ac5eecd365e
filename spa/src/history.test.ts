import { expect, test } from 'vitest';

import type { Kind, Outcome } from './call.js';
import { History, KEPT, tally } from './history.js';

const outcome = (kind: Kind): Outcome => ({ kind, status: 200, text: '' });

test('the oldest calls are forgotten, and numbers go on', () => {
  const history = new History();
  for (let call = 0; call < KEPT + 5; call += 1) history.add(outcome('served'), new Date(call), call);
  expect(history.calls).toHaveLength(KEPT);
  expect(history.calls.at(0)).toMatchObject({ number: 6, duration: 5 });
  expect(history.calls.at(-1)).toMatchObject({ number: KEPT + 5, duration: KEPT + 4 });
});

test('a tally names what there is', () => {
  expect(tally([])).toBe('');
  expect(tally([outcome('refused'), outcome('served'), outcome('served')])).toBe('2 served, 1 refused');
  expect(tally([outcome('failed')])).toBe('1 failed');
});
