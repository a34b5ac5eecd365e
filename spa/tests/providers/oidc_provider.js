//! The gateway and the backend take tokens of a certified provider that is not ours, also while it rotates its keys.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { ROOT } from '../support/configuration.js';
import { AUDIENCE, startProvider } from '../support/oidc_provider.js';
import { startRole } from '../support/weir.js';

let provider, roles, hello;

before(async () => {
  provider = await startProvider('first');
  const [limiter, backend] = await Promise.all([
    startRole('limiter', []),
    startRole('backend', ['--openid-config', provider.discovery, '--audience', AUDIENCE]),
  ]);
  roles = [limiter, backend];
  const gateway = await startRole('gateway', [
    ...['--config', `${ROOT}/config`, '--limiter', limiter.url],
    ...['--named-value', `openid-config-url=${provider.discovery}`],
    ...['--named-value', `backend-client-id=${AUDIENCE}`],
    ...['--named-value', `backend-url=${backend.url}/api`],
  ]);
  roles.push(gateway);
  hello = `${gateway.url}/hello`;
});

after(() => Promise.all([provider?.stop(), ...(roles ?? []).map((role) => role.stop())]));

const call = async (token) => (await fetch(hello, { headers: { authorization: `Bearer ${token}` } })).status;

const header = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString());

/** The token under the name of another key. */
function renamed(token, kid) {
  const [, claims, signature] = token.split('.');
  return `${Buffer.from(JSON.stringify({ ...header(token), kid })).toString('base64url')}.${claims}.${signature}`;
}

/** The token with the last character of its signature's first half changed. */
function tampered(token) {
  const at = token.length - 100;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

test('tokens stay good through a rotation of keys, and unknown keys cost one fetch', async () => {
  const old = await provider.token();
  assert.equal(header(old).kid, 'first');
  assert.equal(await call(old), 200);
  assert.equal(await call(tampered(old)), 401);
  assert.equal(await call(undefined), 401);

  await provider.rotate('second');
  const fresh = await provider.token();
  assert.equal(header(fresh).kid, 'second');
  const before = provider.fetchesOfKeys();
  // Many at once: the gateway asks once for all of them. The backend has a key set of its own and asks once too.
  const statuses = await Promise.all(Array.from({ length: 5 }, () => call(fresh)));
  assert.deepEqual(statuses, [200, 200, 200, 200, 200]);
  assert.equal(provider.fetchesOfKeys(), before + 2, 'one fetch by the gateway, one by the backend');
  assert.equal(await call(old), 200, 'the old key is still published');

  const invented = await Promise.all(Array.from({ length: 20 }, (_, n) => call(renamed(fresh, `invented-${n}`))));
  assert.deepEqual(new Set(invented), new Set([401]));
  assert.equal(provider.fetchesOfKeys(), before + 2, 'whoever invents key names does not make the gateway fetch');
});

test('a token of another provider is refused, though its key has the same name', async () => {
  const stranger = await startProvider('first');
  try {
    assert.equal(await call(await stranger.token()), 401);
  } finally {
    await stranger.stop();
  }
});
