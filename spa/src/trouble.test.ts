import { ErrorResponse, ErrorTimeout } from 'oidc-client-ts';
import { expect, test, vi } from 'vitest';

import { IssuerError } from './issuer.js';
import { Trouble, troubleOf } from './trouble.js';

const response = (error: string, error_description?: string): ErrorResponse =>
  new ErrorResponse({ error, ...(error_description === undefined ? {} : { error_description }) });

test.each([
  [response('invalid_grant', 'expired'), 'ended'],
  [response('login_required'), 'ended'],
  [new Error('No matching state found in storage'), 'ended'],
  [response('server_error'), 'unreachable'],
  [response('temporarily_unavailable'), 'unreachable'],
  [new TypeError('Failed to fetch'), 'unreachable'],
  [new ErrorTimeout('Network timed out'), 'unreachable'],
  [new Error('Service Unavailable (503)'), 'unreachable'],
  [new Error('Too Many Requests (429): {}'), 'unreachable'],
  [new Error('Invalid response Content-Type: text/html, from URL: https://login.example.com'), 'unreachable'],
  [new SyntaxError('Unexpected token < in JSON at position 0'), 'unreachable'],
  [response('access_denied', 'AADB2C90091: The user has cancelled'), 'refused'],
  [response('invalid_client'), 'refused'],
  [new IssuerError('somebody else'), 'refused'],
  [new Error('sub in id_token does not match current sub'), 'refused'],
  ['text', 'refused'],
] as const)('%s is %s', (error, kind) => {
  const trouble = troubleOf(error);
  expect(trouble.kind).toBe(kind);
  expect(trouble.message).not.toBe('');
  expect(trouble.cause).toBe(error);
});

test('what the provider says is shown, but not without end', () => {
  expect(troubleOf(response('invalid_scope', 'no such scope')).message).toBe('The sign-in service refused: no such scope');
  expect(troubleOf(response('invalid_scope', 'x'.repeat(5_000))).message.length).toBeLessThan(400);
});

test('without an answer it says at which address the page was opened', () => {
  vi.stubGlobal('location', { origin: 'http://127.0.0.1:3000' });
  expect(troubleOf(new TypeError('Failed to fetch')).message).toContain('pages at http://127.0.0.1:3000');
  vi.unstubAllGlobals();
});

test('a trouble stays what it is', () => {
  const trouble = new Trouble('ended', 'over');
  expect(troubleOf(trouble)).toBe(trouble);
});
