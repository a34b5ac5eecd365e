//! A certified provider that is not ours, with signing keys that a test can rotate while its address stays.

import { generateKeyPair } from 'node:crypto';
import { createServer } from 'node:http';
import { promisify } from 'node:util';

import Provider from 'oidc-provider';
import * as client from 'openid-client';

/** The audience of its access tokens, and the resource that a client asks for. */
export const AUDIENCE = 'https://api.example.com/hello';

const CLIENT = { id: 'a-service', secret: 'a secret of at least thirty-two characters' };

/** A private signing key as a JWK with this id. */
async function makeKey(kid) {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig' };
}

/** The provider itself: one confidential client, access tokens as signed JWTs. The first key signs. */
function provider(issuer, keys) {
  const resource = { audience: AUDIENCE, scope: 'Hello', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
  return new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: ['only for tests'] },
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: () => resource },
    },
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
      },
    ],
  });
}

/** Starts the provider on a free port, signing with a key named `kid`. */
export async function startProvider(kid) {
  let answer;
  let fetchesOfKeys = 0;
  const server = createServer((request, response) => {
    if (request.url === '/jwks') fetchesOfKeys += 1;
    answer(request, response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://localhost:${server.address().port}`;

  let keys = [];
  const publish = (next) => {
    keys = next;
    answer = provider(issuer, keys).callback();
  };
  publish([await makeKey(kid)]);

  return {
    discovery: `${issuer}/.well-known/openid-configuration`,
    fetchesOfKeys: () => fetchesOfKeys,
    /** Signs with a new key from now on, and goes on publishing the old ones. */
    rotate: async (next) => publish([await makeKey(next), ...keys]),
    /** An access token, by the certified client. */
    token: async () => {
      const strict = { execute: [client.allowInsecureRequests] };
      const config = await client.discovery(new URL(issuer), CLIENT.id, CLIENT.secret, undefined, strict);
      return (await client.clientCredentialsGrant(config, { resource: AUDIENCE, scope: 'Hello' })).access_token;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}
