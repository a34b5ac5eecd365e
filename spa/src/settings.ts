//! The settings of both pages, from `/config.json` beside them: one build serves any provider. Everything wrong is told
//! at once, each with its place and what would work; a misspelt setting is refused, not ignored.

import { readText } from './text.js';

export interface Settings {
  api: {
    url: string;
    /** Whether calls begin a trace: needs a `cors` policy that allows the header `traceparent`. */
    traceparent: boolean;
  };
  oidc: Provider;
  console: { openapiUrl: string };
}

/** The OpenID provider, and what this page is there. */
export interface Provider {
  /** The address of the discovery document. */
  metadataUrl: string;
  clientId: string;
  scope: string;
  redirectUri: string;
  postLogoutRedirectUri: string;
}

/** Where the settings are. */
export const SETTINGS_URL = '/config.json';

/** Far more than settings need. In bytes. */
const MAX_SETTINGS = 64 * 1024;

const DISCOVERY = '/.well-known/openid-configuration';

/** Settings that cannot be used, with every reason. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';

  constructor(readonly problems: readonly string[]) {
    super(`${SETTINGS_URL}: ${problems.join('; ')}`);
  }
}

/** Fetches and checks the settings. `origin` is the page's own. */
export async function loadSettings(origin: string): Promise<Settings> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(SETTINGS_URL, { cache: 'no-cache' });
    text = await readText(response, MAX_SETTINGS);
  } catch {
    throw new SettingsError(['the file could not be fetched; reload this page to try again']);
  }
  if (!response.ok) throw new SettingsError([`the server answered ${response.status}; the file belongs beside this page`]);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SettingsError([`the file is not JSON: ${(error as Error).message}`]);
  }
  return parseSettings(value, origin);
}

/** Checks settings and fills in what they leave out. Throws a [`SettingsError`]. */
export function parseSettings(value: unknown, origin: string): Settings {
  const problems: string[] = [];
  const root = new Section(value, '', problems);
  const api = root.section('api');
  const oidc = root.section('oidc');
  const console = root.section('console');
  const settings: Settings = {
    api: { url: api.url('url'), traceparent: api.optionalFlag('traceparent') ?? true },
    oidc: provider(oidc, origin),
    console: { openapiUrl: console.url('openapiUrl') },
  };
  for (const section of [root, api, oidc, console]) section.refuseOthers();
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}

function provider(oidc: Section, origin: string): Provider {
  const authority = oidc.optionalUrl('authority');
  const metadataUrl = oidc.optionalUrl('metadataUrl');
  if ((authority === undefined) === (metadataUrl === undefined)) {
    oidc.problem('', 'needs either authority or metadataUrl');
  }
  // The discovery path is appended to the authority; behind a query it would be part of the query.
  if (authority?.includes('?')) oidc.problem('authority', 'has a query; give the whole discovery URL as metadataUrl');

  const scope = oidc.text('scope');
  if (scope !== '' && !scope.split(/\s+/).includes('openid')) oidc.problem('scope', 'must contain openid');

  const redirectUri = oidc.optionalUrl('redirectUri') ?? origin;
  // What a sign-in needs to end is kept in this origin's session storage.
  if (URL.canParse(redirectUri) && new URL(redirectUri).origin !== origin) {
    oidc.problem('redirectUri', `is not on ${origin}, where this page was opened; open the page there or change the setting`);
  }
  return {
    metadataUrl: metadataUrl ?? (authority ?? '').replace(/\/$/, '') + DISCOVERY,
    clientId: oidc.text('clientId'),
    scope,
    redirectUri,
    postLogoutRedirectUri: oidc.optionalUrl('postLogoutRedirectUri') ?? origin,
  };
}

/** One object of the settings. What is wrong in it is added to `problems`, and a harmless value stands in. */
class Section {
  readonly #fields: Record<string, unknown>;
  readonly #known = new Set<string>();

  constructor(
    value: unknown,
    private readonly place: string,
    private readonly problems: string[],
  ) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject) problems.push(`${place || 'the file'} must be an object`);
    this.#fields = isObject ? (value as Record<string, unknown>) : {};
  }

  section(name: string): Section {
    return new Section(this.#take(name), this.#path(name), this.problems);
  }

  text(name: string): string {
    const value = this.#take(name);
    if (typeof value === 'string' && value.trim() !== '') return value.trim();
    this.problem(name, value === undefined ? 'is missing' : 'must be a text that is not empty');
    return '';
  }

  url(name: string): string {
    return this.optionalUrl(name) ?? this.text(name);
  }

  /** An absolute address, as it was written: a provider compares addresses to the byte. */
  optionalUrl(name: string): string | undefined {
    if (this.#take(name) === undefined) return undefined;
    const text = this.text(name);
    if (text === '') return text;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      this.problem(name, `must be an address that starts with https:// or http://, and is ${JSON.stringify(text)}`);
    } else if (url.hash !== '' || url.username !== '' || url.password !== '') {
      this.problem(name, 'must not contain a user name, a password or a #');
    }
    return text;
  }

  optionalFlag(name: string): boolean | undefined {
    const value = this.#take(name);
    if (value === undefined || typeof value === 'boolean') return value;
    this.problem(name, 'must be true or false');
    return undefined;
  }

  refuseOthers(): void {
    for (const name of Object.keys(this.#fields)) {
      if (!this.#known.has(name)) this.problem(name, `is not a setting; known here: ${[...this.#known].join(', ')}`);
    }
  }

  problem(name: string, what: string): void {
    this.problems.push(`${this.#path(name)} ${what}`);
  }

  #path(name: string): string {
    return [this.place, name].filter((part) => part !== '').join('.');
  }

  #take(name: string): unknown {
    this.#known.add(name);
    return this.#fields[name];
  }
}
