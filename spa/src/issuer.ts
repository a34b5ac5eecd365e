//! Whose answer is it? A page that trusts one provider must not take a code, or a token, that another one issued.

/** What the discovery document says that matters here. */
export interface IssuerMetadata {
  issuer: string;
  authorization_response_iss_parameter_supported?: boolean;
}

/** An answer of somebody else. */
export class IssuerError extends Error {
  override readonly name = 'IssuerError';
}

/**
 * Checks `iss` of an authorization response (RFC 9207, section 2.4): it must be the provider's issuer, to the byte, and
 * must be there if the provider says that it sends it.
 */
export function checkResponse(response: URLSearchParams, metadata: IssuerMetadata): void {
  const named = response.getAll('iss');
  if (named.length === 0 && metadata.authorization_response_iss_parameter_supported !== true) return;
  if (named.length !== 1 || named[0] !== metadata.issuer) {
    throw new IssuerError('The answer to the sign-in does not come from the expected sign-in service.');
  }
}

/**
 * Checks who issued an ID token and for whom (OpenID Connect Core, section 3.1.3.7). Its signature need not be checked:
 * it came straight from the provider.
 */
export function checkIdToken(claims: { iss: string; aud: string | string[] }, metadata: IssuerMetadata, clientId: string): void {
  const audience = [claims.aud].flat();
  if (claims.iss !== metadata.issuer || !audience.includes(clientId)) {
    throw new IssuerError('The sign-in service sent a token that is not meant for this page.');
  }
}
