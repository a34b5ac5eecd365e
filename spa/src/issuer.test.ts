import { describe, expect, test } from 'vitest';

import { checkIdToken, checkResponse, IssuerError } from './issuer.js';

const ISSUER = 'https://login.example.com/tenant/v2.0/';

describe('iss of an answer', () => {
  const check = (query: string, supported?: boolean) => () =>
    checkResponse(
      new URLSearchParams(query),
      supported === undefined ? { issuer: ISSUER } : { issuer: ISSUER, authorization_response_iss_parameter_supported: supported },
    );
  const named = `code=c&state=s&iss=${encodeURIComponent(ISSUER)}`;

  test('is the issuer', () => {
    expect(check(named, true)).not.toThrow();
    expect(check(named)).not.toThrow();
  });

  test('may be missing only if the provider does not promise it', () => {
    expect(check('code=c&state=s')).not.toThrow();
    expect(check('code=c&state=s', false)).not.toThrow();
    expect(check('code=c&state=s', true)).toThrow(IssuerError);
    expect(check('error=access_denied&state=s', true)).toThrow(IssuerError);
  });

  test.each([
    [`iss=${encodeURIComponent(ISSUER.slice(0, -1))}`],
    [`iss=${encodeURIComponent(ISSUER.toUpperCase())}`],
    ['iss='],
    ['iss=https://evil.example.com'],
    [`${named}&iss=https://evil.example.com`],
  ])('%s is somebody else', (query) => {
    expect(check(query)).toThrow(IssuerError);
    expect(check(query, true)).toThrow(IssuerError);
  });
});

describe('an ID token', () => {
  const check = (iss: string, aud: string | string[]) => () => checkIdToken({ iss, aud }, { issuer: ISSUER }, 'spa');

  test('is of the issuer and for this page', () => {
    expect(check(ISSUER, 'spa')).not.toThrow();
    expect(check(ISSUER, ['api', 'spa'])).not.toThrow();
  });

  test('of another issuer or for another page is refused', () => {
    expect(check('https://evil.example.com', 'spa')).toThrow(IssuerError);
    expect(check(ISSUER, 'api')).toThrow(IssuerError);
    expect(check(ISSUER, [])).toThrow(IssuerError);
  });
});
