//! What can go wrong with a sign-in, as the rest of the page needs to know it. The library throws many things.

import { ErrorResponse, ErrorTimeout } from 'oidc-client-ts';

import { IssuerError } from './issuer.js';
import { shorten } from './text.js';

/**
 * - `ended`: the sign-in is over; signing in again helps.
 * - `unreachable`: the provider did not answer usefully; waiting helps, signing in again does not.
 * - `refused`: the provider, or this page, said no.
 */
export type TroubleKind = 'ended' | 'unreachable' | 'refused';

export class Trouble extends Error {
  override readonly name = 'Trouble';

  constructor(
    readonly kind: TroubleKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export const ENDED = 'Your sign-in has ended.';
const UNREACHABLE = 'The sign-in service cannot be reached. Try again in a moment.';

/** Foreign text that is shown is no longer than this. In characters. */
const MAX_SHOWN = 300;

/** Errors of OAuth 2.0 and OpenID Connect that say that a person has to sign in. */
const SIGN_IN_AGAIN = new Set(['invalid_grant', 'login_required', 'interaction_required', 'consent_required']);

/** Errors of OAuth 2.0 that say that the provider has a problem of its own. */
const PROVIDER_FAILED = new Set(['server_error', 'temporarily_unavailable']);

/** Makes sense of what was thrown while signing in, renewing or signing out. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof Trouble) return error;
  const options = { cause: error };
  if (error instanceof ErrorResponse) return answered(error, options);
  if (error instanceof IssuerError) return new Trouble('refused', error.message, options);
  // What fetch throws without an answer, and what the library makes of its own time limit.
  if (error instanceof TypeError) return new Trouble('unreachable', noAnswer(), options);
  if (error instanceof ErrorTimeout) return new Trouble('unreachable', UNREACHABLE, options);
  const text = error instanceof Error ? error.message : String(error);
  if (/No matching state found/.test(text)) {
    return new Trouble('ended', 'This answer belongs to a sign-in that is over, or to another tab.', options);
  }
  // The library puts the status of an answer that is no JSON into the text, and the type of a page that came instead.
  if (/\((?:429|5\d\d)\)|Content-Type|JSON/.test(text)) return new Trouble('unreachable', UNREACHABLE, options);
  return new Trouble('refused', `Signing in did not work: ${shorten(text, MAX_SHOWN)}`, options);
}

/**
 * A script cannot tell a provider that is off from one that does not allow this page. Opened at another name than the
 * one that is registered, such as 127.0.0.1 for localhost, it is the second.
 */
function noAnswer(): string {
  const origin = (globalThis.location as Location | undefined)?.origin ?? 'this address';
  return `The sign-in service cannot be reached: it does not answer, or it does not allow pages at ${origin}.`;
}

function answered(response: ErrorResponse, options: ErrorOptions): Trouble {
  const error = response.error ?? '';
  if (error === 'access_denied') return new Trouble('refused', 'The sign-in was cancelled.', options);
  if (SIGN_IN_AGAIN.has(error)) return new Trouble('ended', ENDED, options);
  if (PROVIDER_FAILED.has(error)) return new Trouble('unreachable', UNREACHABLE, options);
  const why = response.error_description ?? error;
  return new Trouble('refused', `The sign-in service refused: ${shorten(why, MAX_SHOWN)}`, options);
}
