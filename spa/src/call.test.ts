import { afterEach, describe, expect, test, vi } from 'vitest';

import { callApi, failureOf, outcomeOf } from './call.js';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const URL = 'http://localhost:8080/hello';

function outcome(body: string, init: ResponseInit) {
  return outcomeOf(new Response(null, init), body, NOW);
}

describe('an answer', () => {
  test('that serves is shown as it is', () => {
    const served = outcome('Hello World\n', { headers: { 'x-trace-id': 'abc', 'remaining-calls': '3' } });
    expect(served).toEqual({ kind: 'served', status: 200, text: 'Hello World', traceId: 'abc', remaining: 3 });
  });

  test('of 429 tells the message and the wait', () => {
    const body = '{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 23 seconds." }';
    expect(outcome(body, { status: 429, headers: { 'retry-after': '23' } })).toEqual({
      kind: 'refused',
      status: 429,
      text: 'Rate limit is exceeded. Try again in 23 seconds.',
      wait: 23_000,
    });
  });

  test('of 429 without a wait has none', () => {
    expect(outcome('', { status: 429 })).toEqual({ kind: 'refused', status: 429, text: 'Too many calls.' });
  });

  test('of 503 is a failure that may say when to come back', () => {
    expect(outcome('', { status: 503, headers: { 'retry-after': '5' } })).toMatchObject({ kind: 'failed', wait: 5_000 });
  });

  test.each([
    [401, 'refused', 'The API did not accept the sign-in.'],
    [403, 'refused', 'The API does not allow this call.'],
    [404, 'refused', 'The API has nothing at this address.'],
    [418, 'refused', 'The API refused the call.'],
    [500, 'failed', 'The API has a problem. Try again later.'],
    [504, 'failed', 'The API has a problem. Try again later.'],
  ])('of %d without a body is %s', (status, kind, text) => {
    expect(outcome('', { status })).toEqual({ kind, status, text });
  });

  test.each([
    ['<h1>502 Bad Gateway</h1>', 'text/html'],
    ['"text"', 'application/json'],
    ['null', 'application/json'],
    ['{"message":7}', 'application/json'],
    ['{', 'application/json'],
  ])('with %j has no message', (body, type) => {
    expect(outcome(body, { status: 500, headers: { 'content-type': type } }).text).toBe('The API has a problem. Try again later.');
  });

  test.each([
    ['{"detail":"Quota exceeded"}', 'application/problem+json', 'Quota exceeded'],
    ['Ip Forbidden ', 'text/plain; charset=utf-8', 'Ip Forbidden'],
  ])('with %j has one', (body, type, text) => {
    expect(outcome(body, { status: 403, headers: { 'content-type': type } }).text).toBe(text);
  });

  test('that is very long is cut off', () => {
    expect(outcome('x'.repeat(100_000), {}).text).toHaveLength(2_000);
  });
});

describe('no answer', () => {
  test('is a failure and not a refusal', () => {
    const failed = failureOf(new TypeError('Failed to fetch'), { url: URL, online: true });
    expect(failed).toMatchObject({ kind: 'failed', status: 0 });
    expect(failed.text).toContain('http://localhost:8080 could not be reached');
  });

  test('for lack of time or of a network says so', () => {
    const late = failureOf(new DOMException('late', 'TimeoutError'), { url: URL, online: true });
    expect(late.text).toBe('http://localhost:8080 did not answer within 30 seconds.');
    expect(failureOf(new TypeError('x'), { url: URL, online: false }).text).toBe('This device is offline.');
  });
});

describe('a call', () => {
  afterEach(() => vi.unstubAllGlobals());

  test('carries the token', async () => {
    const fetch = vi.fn(async () => new Response('Hello'));
    vi.stubGlobal('fetch', fetch);
    await expect(callApi({ url: URL, traceparent: false }, 'secret')).resolves.toMatchObject({ kind: 'served', text: 'Hello' });
    expect(fetch).toHaveBeenCalledWith(URL, expect.objectContaining({ headers: { authorization: 'Bearer secret' } }));
  });

  test('begins a trace of its own each time', async () => {
    const fetch = vi.fn(async (_url: string, _init: { headers: Record<string, string> }) => new Response('Hello'));
    vi.stubGlobal('fetch', fetch);
    for (let n = 0; n < 2; n += 1) await callApi({ url: URL, traceparent: true }, 'secret');
    const [first, second] = fetch.mock.calls.map(([, { headers }]) => headers['traceparent'] ?? '');
    expect(first).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/);
    expect(second?.slice(3, 35)).not.toBe(first?.slice(3, 35));
  });

  test('whose answer breaks off is a failure', async () => {
    vi.stubGlobal('navigator', { onLine: true });
    const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError('network error')) });
    vi.stubGlobal('fetch', async () => new Response(body));
    await expect(callApi({ url: URL, traceparent: false }, 'secret')).resolves.toMatchObject({ kind: 'failed', status: 0 });
  });

  test('reads no more of an endless answer than it shows', async () => {
    let chunks = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        chunks += 1;
        controller.enqueue(new Uint8Array(16 * 1024).fill(120));
      },
    });
    vi.stubGlobal('fetch', async () => new Response(body));
    await expect(callApi({ url: URL, traceparent: false }, 'secret')).resolves.toMatchObject({ kind: 'served' });
    expect(chunks).toBeLessThan(8);
  });
});
