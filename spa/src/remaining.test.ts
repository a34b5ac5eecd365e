import { expect, test } from 'vitest';

import { remainingCalls } from './remaining.js';

test.each([
  [{ 'remaining-calls': '7' }, 7],
  [{ 'X-RateLimit-Remaining': '0' }, 0],
  [{ 'x-weir-remaining': '3', 'remaining-calls': '2' }, 2],
  [{ RateLimit: '"default";r=50;t=30' }, 50],
  [{ RateLimit: '"daily";t=9;r=12, "burst"; r=3 ;t=1' }, 3],
  [{ RateLimit: '"a;r=1, b";r=8' }, 8],
])('%j says how many are left', (headers, left) => {
  expect(remainingCalls(new Headers(headers))).toBe(left);
});

test.each([
  [{}],
  [{ 'content-type': 'text/plain', 'x-trace-id': '7' }],
  [{ 'remaining-calls': 'many' }],
  [{ 'remaining-calls': '-1' }],
  [{ 'x-remainingtime': '5' }],
  [{ RateLimit: '"default";q=50' }],
  [{ RateLimit: '"default";r=5.5' }],
])('%j does not', (headers) => {
  expect(remainingCalls(new Headers(headers as Record<string, string>))).toBeUndefined();
});
