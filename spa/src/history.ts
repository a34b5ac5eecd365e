//! The last calls of this page, oldest first. They are forgotten with the page.

import type { Outcome } from './call.js';

/** More would not fit on a phone. */
export const KEPT = 30;

export interface Call extends Outcome {
  /** Counts the calls of this page, from 1. */
  number: number;
  /** When the outcome was known. */
  at: Date;
  /** From asking to knowing, in milliseconds. */
  duration: number;
}

export class History {
  #calls: Call[] = [];
  #total = 0;

  get calls(): readonly Call[] {
    return this.#calls;
  }

  add(outcome: Outcome, at: Date, duration: number): void {
    this.#total += 1;
    this.#calls = [...this.#calls, { ...outcome, number: this.#total, at, duration }].slice(-KEPT);
  }
}

/** `3 served, 2 refused`: what became of `outcomes`. */
export function tally(outcomes: readonly Outcome[]): string {
  const count = (kind: Outcome['kind']): number => outcomes.filter((outcome) => outcome.kind === kind).length;
  const parts = (['served', 'refused', 'failed'] as const).map((kind) => [count(kind), kind] as const);
  return parts.flatMap(([number, kind]) => (number > 0 ? [`${number} ${kind}`] : [])).join(', ');
}
