import { afterEach, describe, expect, test, vi } from 'vitest';

import { loadSettings, parseSettings, SettingsError } from './settings.js';

const ORIGIN = 'http://localhost:3000';

function valid() {
  return {
    api: { url: 'http://localhost:8080/hello' },
    oidc: { authority: 'https://login.example.com/realms/demo', clientId: 'spa', scope: 'openid offline_access Hello' } as Record<string, unknown>,
    console: { openapiUrl: 'http://localhost:8080/openapi.json' },
  };
}

function problemsOf(value: unknown): readonly string[] {
  try {
    parseSettings(value, ORIGIN);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('settings', () => {
  test('what is left out is filled in', () => {
    expect(parseSettings(valid(), ORIGIN)).toEqual({
      api: { url: 'http://localhost:8080/hello', traceparent: true },
      oidc: {
        metadataUrl: 'https://login.example.com/realms/demo/.well-known/openid-configuration',
        clientId: 'spa',
        scope: 'openid offline_access Hello',
        redirectUri: ORIGIN,
        postLogoutRedirectUri: ORIGIN,
      },
      console: { openapiUrl: 'http://localhost:8080/openapi.json' },
    });
  });

  test('a gateway that allows no traceparent is not sent one', () => {
    const settings = valid();
    const api = { ...settings.api, traceparent: false };
    expect(parseSettings({ ...settings, api }, ORIGIN).api).toEqual(api);
    expect(problemsOf({ ...settings, api: { ...api, traceparent: 'no' } })).toEqual(['api.traceparent must be true or false']);
  });

  test('an authority may end in a slash', () => {
    const settings = valid();
    settings.oidc['authority'] = 'https://login.example.com/';
    expect(parseSettings(settings, ORIGIN).oidc.metadataUrl).toBe('https://login.example.com/.well-known/openid-configuration');
  });

  test('a discovery address is taken as it is written, with its query', () => {
    const { authority: _, ...oidc } = valid().oidc;
    const metadataUrl = 'https://login.example.com/Tenant/.well-known/openid-configuration?p=B2C_1_susi';
    expect(parseSettings({ ...valid(), oidc: { ...oidc, metadataUrl } }, ORIGIN).oidc.metadataUrl).toBe(metadataUrl);
  });

  test('a registered address keeps its spelling', () => {
    const settings = valid();
    settings.oidc['redirectUri'] = 'http://localhost:3000/';
    expect(parseSettings(settings, ORIGIN).oidc.redirectUri).toBe('http://localhost:3000/');
  });

  test('everything that is missing is told at once', () => {
    expect(problemsOf({})).toEqual([
      'api must be an object',
      'oidc must be an object',
      'console must be an object',
      'api.url is missing',
      'oidc needs either authority or metadataUrl',
      'oidc.scope is missing',
      'oidc.clientId is missing',
      'console.openapiUrl is missing',
    ]);
  });

  test('a misspelt setting is refused by name', () => {
    const settings = valid();
    settings.oidc['clientID'] = 'spa';
    expect(problemsOf(settings)).toEqual([
      'oidc.clientID is not a setting; known here: authority, metadataUrl, scope, redirectUri, clientId, postLogoutRedirectUri',
    ]);
    expect(problemsOf({ ...valid(), extra: 1 })).toEqual(['extra is not a setting; known here: api, oidc, console']);
  });

  test.each([
    ['authority', 'https://login.example.com/?p=x', 'oidc.authority has a query; give the whole discovery URL as metadataUrl'],
    ['authority', 'login.example.com', 'oidc.authority must be an address that starts with https:// or http://, and is "login.example.com"'],
    ['authority', 'javascript:alert(1)', 'oidc.authority must be an address that starts with https:// or http://, and is "javascript:alert(1)"'],
    ['authority', 'https://user:word@login.example.com', 'oidc.authority must not contain a user name, a password or a #'],
    ['scope', 'offline_access', 'oidc.scope must contain openid'],
    ['scope', 'notopenid', 'oidc.scope must contain openid'],
    ['clientId', '  ', 'oidc.clientId must be a text that is not empty'],
    ['clientId', 7, 'oidc.clientId must be a text that is not empty'],
    ['metadataUrl', 'https://x.example.com/c', 'oidc needs either authority or metadataUrl'],
    [
      'redirectUri',
      'http://127.0.0.1:3000',
      `oidc.redirectUri is not on ${ORIGIN}, where this page was opened; open the page there or change the setting`,
    ],
  ])('oidc.%s = %j is refused', (name, value, problem) => {
    const settings = valid();
    settings.oidc[name] = value;
    expect(problemsOf(settings)).toEqual([problem]);
  });

  test.each([[null], [[]], ['text'], [7]])('%j is no settings', (value) => {
    expect(problemsOf(value)[0]).toBe('the file must be an object');
  });
});

describe('loading', () => {
  afterEach(() => vi.unstubAllGlobals());

  const load = (answer: () => Response | Promise<Response>): Promise<unknown> => {
    vi.stubGlobal('fetch', async () => answer());
    return loadSettings(ORIGIN);
  };

  test('a file that is right is read', async () => {
    await expect(load(() => Response.json(valid()))).resolves.toMatchObject({ oidc: { clientId: 'spa' } });
  });

  test('a page that came instead of the file is told', async () => {
    await expect(load(() => new Response('<!doctype html>'))).rejects.toThrow(/the file is not JSON/);
    await expect(load(() => new Response('', { status: 404 }))).rejects.toThrow('the server answered 404');
  });

  test('a server that is away is told', async () => {
    await expect(load(() => Promise.reject(new TypeError('Failed to fetch')))).rejects.toThrow('could not be fetched');
  });
});
