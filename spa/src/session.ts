//! Who is signed in, and the access token for the API: Authorization Code with PKCE and refresh tokens.
//!
//! Everything is kept in the session storage of this tab, the state of a sign-in too, so that tabs do not get in each
//! other's way. A token is renewed when it is needed and nearly over, never by a timer and never in a hidden frame.

import { type User, UserManager, WebStorageStateStore } from 'oidc-client-ts';

import { checkIdToken, checkResponse, type IssuerMetadata } from './issuer.js';
import type { Provider } from './settings.js';
import { ENDED, Trouble, troubleOf } from './trouble.js';

/** A token that is valid for less than this is renewed first. In seconds. */
const MARGIN = 30;

/** For each request to the provider. In seconds. */
const TIMEOUT = 15;

/** Set from a sign-in that a refused token led to until the API accepts a token. */
const SIGNED_IN_AGAIN = 'weir.signed-in-again';

export class Session {
  readonly #manager: UserManager;
  readonly #clientId: string;
  readonly #storage: Storage;
  #renewal: Promise<User> | undefined;

  constructor(provider: Provider, storage: Storage) {
    const store = new WebStorageStateStore({ store: storage });
    this.#clientId = provider.clientId;
    this.#storage = storage;
    this.#manager = new UserManager({
      // Only a name for the library's storage: with the form `?p=` nothing can be appended to an authority.
      authority: provider.metadataUrl,
      metadataUrl: provider.metadataUrl,
      client_id: provider.clientId,
      redirect_uri: provider.redirectUri,
      post_logout_redirect_uri: provider.postLogoutRedirectUri,
      scope: provider.scope,
      response_type: 'code',
      response_mode: 'query',
      userStore: store,
      stateStore: store,
      automaticSilentRenew: false,
      requestTimeoutInSeconds: TIMEOUT,
    });
  }

  /**
   * Who is signed in as the page opens at `url`, which may carry the provider's answer to a sign-in. Throws a
   * [`Trouble`]; nobody is signed in then, unless the provider cannot be reached.
   */
  async open(url: URL): Promise<User | null> {
    try {
      const user = await this.#manager.getUser();
      if (user !== null) return user.expired === true ? await this.#renew(user) : user;
      // Nobody who is signed in has asked to sign in: such an answer would be somebody else's, and is ignored.
      const query = url.searchParams;
      const isAnswer = query.has('state') && (query.has('code') || query.has('error'));
      return isAnswer ? await this.#finishSignIn(url) : null;
    } catch (error) {
      throw troubleOf(error);
    }
  }

  /** Leaves the page for the provider's. Returns only if the person comes back by the browser's history. */
  async signIn(): Promise<void> {
    // Without it browsers have none of the cryptography that PKCE needs.
    if (!isSecureContext) throw new Trouble('refused', 'Signing in works only over https, or on localhost.');
    try {
      await this.#manager.signinRedirect();
    } catch (error) {
      throw troubleOf(error);
    }
  }

  /**
   * Signs in again because the API, or the provider, no longer accepts the sign-in. Not twice in a row: if a new token
   * is refused as well, another one will not help, and false is returned.
   */
  async signInAgain(): Promise<boolean> {
    const tried = this.#storage.getItem(SIGNED_IN_AGAIN) !== null;
    await this.forget();
    if (tried) return false;
    this.#storage.setItem(SIGNED_IN_AGAIN, 'yes');
    await this.signIn();
    return true;
  }

  /** The API has accepted a token. */
  accepted(): void {
    this.#storage.removeItem(SIGNED_IN_AGAIN);
  }

  /** Signs out here and, by leaving the page for it, at the provider. Here it always works. */
  async signOut(): Promise<void> {
    try {
      await this.#manager.signoutRedirect();
    } catch (error) {
      // A provider need not have a page to sign out at.
      if (error instanceof Error && error.message === 'No end session endpoint') return;
      throw troubleOf(error);
    } finally {
      await this.forget();
    }
  }

  /** An access token that is valid for a while. Throws a [`Trouble`]. */
  async token(): Promise<string> {
    try {
      const user = await this.#manager.getUser();
      if (user === null) throw new Trouble('ended', ENDED);
      const isFresh = user.expires_in === undefined || user.expires_in > MARGIN;
      return (isFresh ? user : await this.#renew(user)).access_token;
    } catch (error) {
      throw troubleOf(error);
    }
  }

  /** Removes the person, and what is left of sign-ins that never ended. */
  async forget(): Promise<void> {
    await this.#manager.removeUser();
    const keys = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index) ?? '');
    for (const key of keys) {
      if (key.startsWith('oidc.') || key === SIGNED_IN_AGAIN) this.#storage.removeItem(key);
    }
  }

  async #finishSignIn(url: URL): Promise<User | null> {
    const metadata = await this.#metadata();
    checkResponse(url.searchParams, metadata);
    const user = (await this.#manager.signinCallback(url.href)) ?? null;
    try {
      if (user !== null) checkIdToken(user.profile, metadata, this.#clientId);
    } catch (error) {
      await this.forget();
      throw error;
    }
    return user;
  }

  async #metadata(): Promise<IssuerMetadata> {
    const { issuer, ...rest } = await this.#manager.metadataService.getMetadata();
    if (issuer === undefined) throw new Trouble('refused', 'The discovery document of the sign-in service names no issuer.');
    return { issuer, ...rest } as IssuerMetadata;
  }

  /** One renewal at a time: a refresh token works once, and twenty calls may ask at the same moment. */
  async #renew(user: User): Promise<User> {
    this.#renewal ??= this.#renewNow(user).finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  async #renewNow(user: User): Promise<User> {
    try {
      // Without a refresh token the library would try a hidden frame, which browsers block.
      if (user.refresh_token === undefined) throw new Trouble('ended', ENDED);
      const renewed = await this.#manager.signinSilent();
      if (renewed === null) throw new Trouble('ended', ENDED);
      return renewed;
    } catch (error) {
      // Nearly over is not over.
      if (user.expired === false) return user;
      const trouble = troubleOf(error);
      if (trouble.kind !== 'unreachable') await this.forget();
      throw trouble;
    }
  }
}

/** How to address somebody: providers fill different claims. */
export function displayName(profile: User['profile']): string {
  const { name, given_name, preferred_username, email, emails } = profile;
  const candidates = [name, given_name, preferred_username, email, [emails].flat()[0]];
  return candidates.find((text): text is string => typeof text === 'string' && text.trim() !== '')?.trim() ?? 'guest';
}
