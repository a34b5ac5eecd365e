//! The numbers of the scenario's policy, and changes to it.

/** Calls that one person has in a renewal period. */
export const CALLS = 15;

const SUBJECT = 'calls="15" renewal-period="60"';
const ADDRESS = 'calls="300" renewal-period="120"';

/** A shorter renewal period for people, in seconds, so that a test can wait it out. */
export const withPeriod = (seconds) => ({ [SUBJECT]: `calls="${CALLS}" renewal-period="${seconds}"` });

/** Fewer calls for all people at one address together. */
export const withAddressLimit = (calls) => ({ [ADDRESS]: `calls="${calls}" renewal-period="120"` });
