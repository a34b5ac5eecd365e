//! A trace of its own for every call (W3C Trace Context), so that the id which the page shows is that of the whole way,
//! from this page on.

/** A new `traceparent`: version 00, a random trace and span, and the wish to have it recorded. */
export function newTraceparent(): string {
  return `00-${randomHex(16)}-${randomHex(8)}-01`;
}

function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  // All zeros stand for no id.
  if (random.every((byte) => byte === 0)) random[0] = 1;
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
