import { expect, test } from 'vitest';

import { MAX_WAIT, MIN_WAIT, parseRetryAfter } from './retry_after.js';

const NOW = Date.parse('2026-11-23T12:00:00Z');

test.each([
  ['23', 23_000],
  [' 23 ', 23_000],
  ['1', 1_000],
  ['Mon, 23 Nov 2026 12:00:30 GMT', 30_000],
  ['Monday, 23-Nov-26 12:00:30 GMT', 30_000],
  ['Mon Nov 23 12:00:30 2026', 30_000],
])('%j is a wait of %d ms', (field, wait) => {
  expect(parseRetryAfter(field, NOW)).toBe(wait);
});

test.each([['0'], ['Mon, 23 Nov 2026 12:00:00 GMT'], ['Mon, 23 Nov 2020 12:00:00 GMT']])('%j still waits a moment', (field) => {
  expect(parseRetryAfter(field, NOW)).toBe(MIN_WAIT);
});

test.each([['86400'], ['99999999999999999999999'], ['Wed, 23 Nov 2033 12:00:00 GMT']])('%j does not keep the button away for long', (field) => {
  expect(parseRetryAfter(field, NOW)).toBe(MAX_WAIT);
});

test.each([[null], [''], ['soon'], ['soon 3'], ['-5'], ['1.5'], ['1e3'], ['0x10'], ['2026-11-23T12:00:30Z'], ['Mon, 99 Foo 2026 12:00:00 GMT']])(
  '%j means nothing',
  (field) => {
    expect(parseRetryAfter(field, NOW)).toBeUndefined();
  },
);
