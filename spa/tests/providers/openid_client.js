//! weir's identity, checked by a certified client library that is not ours. It is strict: it compares the issuer with
//! the discovery address, verifies the ID token's signature and every claim, and the `iss` of the answer.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import * as client from 'openid-client';

import { FormBrowser } from '../support/forms.js';
import { startRole } from '../support/weir.js';

const APP = 'http://localhost:3000';
/** With the slash: the client takes the address of the answer, and URLs have a path. */
const REDIRECT_URI = `${APP}/`;
const CLIENT_ID = '3c9e1d70-54b8-4f6e-a2d1-7b8c0e5f9a14';
const BACKEND_ID = 'f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53';
const POLICY = 'B2C_1_Frontendapp_signupandsignin';
const SCOPE = `https://contoso.onmicrosoft.com/${BACKEND_ID}/Hello`;
const GRACE = { email: 'grace@example.com', password: 'Correct-Horse-9', name: 'Grace Example' };

let identity;
before(async () => (identity = await startRole('identity', ['--issuer', 'policy', '--spa-origin', APP])));
after(() => identity?.stop());

/** Where discovery is, as the identity names itself: by `localhost`, not by the address it listens on. */
function discoveryUrl() {
  const port = new URL(identity.url).port;
  return new URL(`http://localhost:${port}/contoso.onmicrosoft.com/${POLICY}/v2.0/.well-known/openid-configuration`);
}

/** Loopback has no TLS; nothing else is relaxed. Signatures are checked even where TLS would make up for them. */
const STRICT = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] };

/** Discovery from the issuer itself, as the standard has it: the issuer is the prefix of the address. */
async function discover() {
  const { issuer } = await (await fetch(discoveryUrl())).json();
  return client.discovery(new URL(issuer), CLIENT_ID, undefined, client.None(), STRICT);
}

/** The authorization request, and what its answer must fit. */
async function request(config, extra = {}) {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
  };
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: `openid offline_access ${SCOPE}`,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...extra,
  });
  return { url, checks };
}

async function signUp(browser, url, person) {
  const signIn = await browser.open(url);
  const signUpLink = /href="(\/sign-up[^"]*)"/.exec(signIn.html)[1].replaceAll('&amp;', '&');
  const consent = await browser.submit(await browser.open(new URL(signUpLink, signIn.url)), {
    email: person.email,
    display_name: person.name,
    new_password: person.password,
    confirm_password: person.password,
  });
  return browser.submit(consent, { action: 'allow' });
}

/** Whether the client took the answer for valid, and read this error in it. */
function answers(name) {
  return (error) => error instanceof client.AuthorizationResponseError && error.error === name;
}

test('a certified client signs up, checks every claim, refreshes and signs out', async () => {
  const config = await discover();
  assert.ok(config.serverMetadata().supportsPKCE());

  const browser = new FormBrowser();
  const { url, checks } = await request(config);
  const back = await signUp(browser, url, GRACE);
  const tokens = await client.authorizationCodeGrant(config, back.url, { ...checks, idTokenExpected: true });
  const claims = tokens.claims();
  assert.equal(claims.name, GRACE.name);
  assert.equal(claims.tfp, POLICY);
  assert.equal(claims.aud, CLIENT_ID);
  assert.ok(tokens.refresh_token);

  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
  assert.equal(refreshed.claims().sub, claims.sub);
  assert.equal(refreshed.claims().auth_time, claims.auth_time);

  // The session answers without a page, also when the client forbids one; `max_age` has the client check auth_time.
  const silent = await request(config, { prompt: 'none', max_age: '600' });
  const silently = await browser.open(silent.url);
  const again = await client.authorizationCodeGrant(config, silently.url, { ...silent.checks, maxAge: 600 });
  assert.equal(again.claims().sub, claims.sub);

  const end = client.buildEndSessionUrl(config, { post_logout_redirect_uri: REDIRECT_URI, id_token_hint: tokens.id_token });
  assert.equal((await browser.open(end)).url.origin, APP);
  const signedOut = await request(config, { prompt: 'none' });
  const refused = await browser.open(signedOut.url);
  await assert.rejects(client.authorizationCodeGrant(config, refused.url, signedOut.checks), answers('login_required'));
});

test('a wrong password is refused, and cancelling comes back as access_denied', async () => {
  const config = await discover();
  const { url, checks } = await request(config);

  const browser = new FormBrowser();
  const refused = await browser.submit(await browser.open(url), { email: GRACE.email, password: 'Wrong-Horse-9' });
  assert.ok(refused.status >= 400 && refused.html.includes('role="alert"'), refused.html);

  const link = /href="(\/sign-up[^"]*)"/.exec(refused.html)[1].replaceAll('&amp;', '&');
  const back = await browser.submit(await browser.open(new URL(link, refused.url)), { action: 'cancel' });
  await assert.rejects(client.authorizationCodeGrant(config, back.url, checks), answers('access_denied'));
});

test('a code is good once, and only with its verifier', async () => {
  const config = await discover();
  const browser = new FormBrowser();
  const person = { ...GRACE, email: 'hopper@example.com' };

  const first = await request(config);
  const back = await signUp(browser, first.url, person);
  const tokens = await client.authorizationCodeGrant(config, back.url, first.checks);
  const invalid = (error) => error instanceof client.ResponseBodyError && error.error === 'invalid_grant';
  await assert.rejects(client.authorizationCodeGrant(config, back.url, first.checks), invalid);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), invalid, 'a replay revokes its tokens');

  const second = await request(config);
  const answer = await browser.open(second.url);
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  await assert.rejects(client.authorizationCodeGrant(config, answer.url, { ...second.checks, pkceCodeVerifier }), invalid);
});

test("the issuer that Azure AD B2C has by default is what strict clients refuse, and why there is a switch", async () => {
  const tenant = await startRole('identity', ['--issuer', 'tenant', '--spa-origin', APP]);
  try {
    const authority = new URL(`/contoso.onmicrosoft.com/${POLICY}/v2.0/`, tenant.url);
    authority.hostname = 'localhost';
    const discovery = client.discovery(authority, CLIENT_ID, undefined, client.None(), STRICT);
    await assert.rejects(discovery, (error) => error.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED');
  } finally {
    await tenant.stop();
  }
});
