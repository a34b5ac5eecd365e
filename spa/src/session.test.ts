import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { displayName, Session } from './session.js';

const PROVIDER = {
  metadataUrl: 'https://login.example.com/.well-known/openid-configuration?p=flow',
  clientId: 'spa',
  scope: 'openid offline_access',
  redirectUri: 'http://localhost:3000',
  postLogoutRedirectUri: 'http://localhost:3000',
};
const METADATA = { issuer: 'https://login.example.com/', token_endpoint: 'https://login.example.com/token?p=flow' };
const USER_KEY = `oidc.user:${PROVIDER.metadataUrl}:spa`;

/** Session storage, as far as it is used. */
class Memory {
  readonly #items = new Map<string, string>();
  get length(): number {
    return this.#items.size;
  }
  key = (index: number): string | null => [...this.#items.keys()][index] ?? null;
  getItem = (key: string): string | null => this.#items.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.#items.set(key, value);
  removeItem = (key: string): void => void this.#items.delete(key);
}

let storage: Storage;
let session: Session;
let answer: (body: URLSearchParams) => Response;
const renewals: string[] = [];

/** Somebody who signed in and whose access token ends in `seconds`. */
function signedIn(seconds: number, more: object = { refresh_token: 'refresh' }): void {
  const user = {
    access_token: 'old',
    token_type: 'Bearer',
    scope: 'openid',
    profile: { sub: 'ada', name: 'Ada' },
    expires_at: Math.floor(Date.now() / 1_000) + seconds,
    ...more,
  };
  storage.setItem(USER_KEY, JSON.stringify(user));
}

beforeEach(() => {
  storage = new Memory() as unknown as Storage;
  session = new Session(PROVIDER, storage);
  renewals.length = 0;
  answer = () => Response.json({ access_token: 'new', token_type: 'Bearer', expires_in: 3600, refresh_token: 'next' });
  vi.stubGlobal('fetch', async (url: string, init: { body?: URLSearchParams }) => {
    if (url === PROVIDER.metadataUrl) return Response.json(METADATA);
    expect(url).toBe(METADATA.token_endpoint);
    const body = new URLSearchParams(init.body);
    renewals.push(body.get('refresh_token') ?? '');
    return answer(body);
  });
});
afterEach(async () => {
  // Ends the timers of the library.
  await session.forget();
  vi.unstubAllGlobals();
});

const here = new URL('http://localhost:3000/');

describe('a token', () => {
  test('that is fresh is used as it is', async () => {
    signedIn(600);
    await expect(session.token()).resolves.toBe('old');
    expect(renewals).toEqual([]);
  });

  test('that is nearly over is renewed once for twenty calls, and the refresh token with it', async () => {
    signedIn(5);
    const tokens = await Promise.all(Array.from({ length: 20 }, () => session.token()));
    expect(new Set(tokens)).toEqual(new Set(['new']));
    expect(renewals).toEqual(['refresh']);
    expect(storage.getItem(USER_KEY)).toContain('"next"');
  });

  test('that is nearly over is still used if the provider cannot be reached', async () => {
    signedIn(5);
    answer = () => new Response('', { status: 503 });
    await expect(session.token()).resolves.toBe('old');
  });

  test('that is over, with a refresh token that is over, ends the sign-in', async () => {
    signedIn(-5);
    answer = () => Response.json({ error: 'invalid_grant' }, { status: 400 });
    await expect(session.token()).rejects.toMatchObject({ kind: 'ended' });
    expect(storage.length).toBe(0);
    await expect(session.token()).rejects.toMatchObject({ kind: 'ended' });
    expect(renewals).toHaveLength(1);
  });

  test('that is over, without a refresh token, ends the sign-in without asking', async () => {
    signedIn(-5, {});
    await expect(session.token()).rejects.toMatchObject({ kind: 'ended' });
    expect(renewals).toEqual([]);
  });

  test('that is over is kept while the provider cannot be reached', async () => {
    signedIn(-5);
    answer = () => {
      throw new TypeError('Failed to fetch');
    };
    await expect(session.token()).rejects.toMatchObject({ kind: 'unreachable' });
    expect(storage.getItem(USER_KEY)).not.toBeNull();
  });
});

describe('opening the page', () => {
  test('finds nobody', async () => {
    await expect(session.open(here)).resolves.toBeNull();
  });

  test('renews what ended meanwhile', async () => {
    signedIn(-5);
    await expect(session.open(here)).resolves.toMatchObject({ access_token: 'new', profile: { name: 'Ada' } });
  });

  test('with an answer that this tab did not ask for spends no code', async () => {
    const url = new URL('?code=c&state=foreign', here);
    await expect(session.open(url)).rejects.toMatchObject({ kind: 'ended' });
    expect(renewals).toEqual([]);
  });

  test('with an answer that nobody asked for leaves somebody signed in', async () => {
    signedIn(600);
    const url = new URL('?code=c&state=foreign', here);
    await expect(session.open(url)).resolves.toMatchObject({ access_token: 'old' });
    expect(renewals).toEqual([]);
  });

  test('with an answer of another issuer spends no code', async () => {
    const url = new URL('?code=c&state=s&iss=https://evil.example.com', here);
    await expect(session.open(url)).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('expected sign-in service') });
    expect(renewals).toEqual([]);
  });
});

test('nothing is left of somebody who is forgotten', async () => {
  signedIn(600);
  storage.setItem('oidc.0123456789', 'a sign-in that never ended');
  await session.forget();
  expect(storage.length).toBe(0);
});

test('signing in again is tried once, until the API accepts a token', async () => {
  vi.stubGlobal('isSecureContext', true);
  const leave = vi.spyOn(session, 'signIn').mockResolvedValue();
  await expect(session.signInAgain()).resolves.toBe(true);
  await expect(session.signInAgain()).resolves.toBe(false);
  await expect(session.signInAgain()).resolves.toBe(true);
  session.accepted();
  await expect(session.signInAgain()).resolves.toBe(true);
  expect(leave).toHaveBeenCalledTimes(3);
});

test('over plain http nobody signs in', async () => {
  vi.stubGlobal('isSecureContext', false);
  await expect(session.signIn()).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('https') });
});

test.each([
  [{ name: ' Ada Example ' }, 'Ada Example'],
  [{ name: '', given_name: 'Ada' }, 'Ada'],
  [{ emails: ['ada@example.com'] }, 'ada@example.com'],
  [{ name: 7 }, 'guest'],
])('%j is addressed as %j', (claims, name) => {
  expect(displayName({ sub: 's', iss: 'i', aud: 'a', exp: 0, iat: 0, ...(claims as object) })).toBe(name);
});
