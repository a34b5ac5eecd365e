//! Waiting for a condition, never for a time.

/** Generous: it only costs time when a test fails. In milliseconds. */
export const PATIENCE = 60_000;

/** How often a condition is looked at, in milliseconds. */
const POLL = 25;

/** What makes further waiting pointless. */
export class Hopeless extends Error {}

/**
 * Waits until `condition` gives something truthy, and returns that. Fails with `what`, and with what it last saw,
 * after [`PATIENCE`].
 */
export async function eventually(what, condition) {
  const start = Date.now();
  let last;
  while (Date.now() - start < PATIENCE) {
    try {
      const value = await condition();
      if (value) return value;
      last = value;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
  throw new Error(`waited ${PATIENCE / 1000} s in vain: ${what} (last: ${last})`);
}
