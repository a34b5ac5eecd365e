//! How many calls are left, where a gateway says so. Names differ: `RateLimit` of the IETF draft, `remaining-calls` and
//! the like in policies, `X-RateLimit-Remaining` elsewhere.

/** The fewest calls left that any field of `headers` names; `undefined` if none does. */
export function remainingCalls(headers: Headers): number | undefined {
  const found: number[] = [];
  for (const [name, value] of headers) {
    if (name === 'ratelimit') found.push(...remainingOfMembers(value));
    else if (/(^|-)remaining(-|$)/.test(name) && /^\d{1,15}$/.test(value)) found.push(Number(value));
  }
  return found.length === 0 ? undefined : Math.min(...found);
}

/** `r` of every member of `"policy";r=12;t=29, "other";r=3`. A name in quotes may contain anything, so it goes first. */
function remainingOfMembers(field: string): number[] {
  const members = field.replace(/"(?:[^"\\]|\\.)*"/g, '').split(',');
  return members.flatMap((member) => {
    const left = /;\s*r=(\d{1,15})\s*(?:;|$)/.exec(member)?.[1];
    return left === undefined ? [] : [Number(left)];
  });
}
