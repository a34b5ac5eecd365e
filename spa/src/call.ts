//! One call of the API, and what became of it: served, refused, or failed. A refusal is an answer that says no and why;
//! a failure is no answer, or one that says that something is broken.

import { remainingCalls } from './remaining.js';
import { parseRetryAfter } from './retry_after.js';
import { readText, shorten } from './text.js';
import { newTraceparent } from './traceparent.js';

export type Kind = 'served' | 'refused' | 'failed';

export interface Outcome {
  kind: Kind;
  /** The HTTP status; 0 if there was no answer. */
  status: number;
  /** What the API said, or what went wrong. Foreign text: shown as text, never as markup. */
  text: string;
  /** How long to wait before the next call, in milliseconds, if the answer says so. */
  wait?: number;
  /** Calls left, if the answer says so. */
  remaining?: number;
  /** The gateway's name for this call, to look it up there. */
  traceId?: string;
}

/** A call without an answer is given up after this. In milliseconds. */
const TIMEOUT = 30_000;

/** Of an answer, this much is read, in bytes, and this much is shown, in characters. */
const MAX_READ = 64 * 1024;
const MAX_SHOWN = 2_000;

/** What "Call API" calls. */
export interface Target {
  url: string;
  /** Whether a call begins a trace. */
  traceparent: boolean;
}

/** Calls the API with `token`. Never throws: what goes wrong is an outcome. */
export async function callApi({ url, traceparent }: Target, token: string): Promise<Outcome> {
  const signal = AbortSignal.timeout(TIMEOUT);
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  if (traceparent) headers['traceparent'] = newTraceparent();
  try {
    const response = await fetch(url, { headers, cache: 'no-store', signal });
    return outcomeOf(response, await readText(response, MAX_READ), Date.now());
  } catch (error) {
    return failureOf(error, { url, online: navigator.onLine });
  }
}

/** What an answer means. `now` in Unix milliseconds. */
export function outcomeOf(response: Pick<Response, 'ok' | 'status' | 'headers'>, body: string, now: number): Outcome {
  const { ok, status, headers } = response;
  const kind: Kind = ok ? 'served' : status >= 500 ? 'failed' : 'refused';
  const text = ok ? body.trim() || 'The API answered without a text.' : (messageOf(headers, body) ?? describe(status));
  const outcome: Outcome = { kind, status, text: shorten(text, MAX_SHOWN) };
  const wait = status === 429 || status === 503 ? parseRetryAfter(headers.get('retry-after'), now) : undefined;
  const remaining = remainingCalls(headers);
  const traceId = headers.get('x-trace-id');
  if (wait !== undefined) outcome.wait = wait;
  if (remaining !== undefined) outcome.remaining = remaining;
  if (traceId !== null) outcome.traceId = traceId;
  return outcome;
}

/** What it means that there was no answer: `error` is what `fetch` threw. */
export function failureOf(error: unknown, { url, online }: { url: string; online: boolean }): Outcome {
  const { origin } = new URL(url);
  const text = !online
    ? 'This device is offline.'
    : error instanceof DOMException && error.name === 'TimeoutError'
      ? `${origin} did not answer within ${TIMEOUT / 1_000} seconds.`
      : // A browser tells scripts no more than this.
        `${origin} could not be reached: it does not answer, or it does not allow calls from this page.`;
  return { kind: 'failed', status: 0, text };
}

/** The message that an error brought along: `message` or `detail` of JSON, or a plain text. A page of HTML is none. */
function messageOf(headers: Headers, body: string): string | undefined {
  try {
    const { message, detail } = Object(JSON.parse(body)) as { message?: unknown; detail?: unknown };
    const found = [message, detail].find((text): text is string => typeof text === 'string' && text.trim() !== '');
    return found?.trim();
  } catch {
    const isText = headers.get('content-type')?.startsWith('text/plain') ?? false;
    return (isText && body.trim()) || undefined;
  }
}

function describe(status: number): string {
  switch (status) {
    case 401:
      return 'The API did not accept the sign-in.';
    case 403:
      return 'The API does not allow this call.';
    case 404:
      return 'The API has nothing at this address.';
    case 429:
      return 'Too many calls.';
    default:
      return status >= 500 ? 'The API has a problem. Try again later.' : 'The API refused the call.';
  }
}
