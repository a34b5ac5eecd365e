//! How long a refusal asks to wait: the field `Retry-After` (RFC 9110, section 10.2.3), as seconds or as a date.

/** A refusal that asks for no wait at all is not answered with a storm of calls. In milliseconds. */
export const MIN_WAIT = 1_000;

/** A button is not kept away longer than this, whatever a server says; the next call will tell. In milliseconds. */
export const MAX_WAIT = 60 * 60 * 1_000;

/** The wait in milliseconds, clamped; `undefined` if the field is missing or means nothing. `now` in Unix milliseconds. */
export function parseRetryAfter(field: string | null, now: number): number | undefined {
  const text = field?.trim() ?? '';
  if (/^\d+$/.test(text)) return clamp(Number(text) * 1_000);
  // Only dates of HTTP: Date.parse would make a year of "-5" and a month of "soon 3".
  if (!/^[A-Z][a-z]{2,8},? .*\d\d:\d\d:\d\d/.test(text)) return undefined;
  // The oldest of the three forms does not name the zone, which is always this one.
  const date = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(date) ? undefined : clamp(date - now);
}

function clamp(wait: number): number {
  return Math.min(Math.max(wait, MIN_WAIT), MAX_WAIT);
}
