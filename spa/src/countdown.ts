//! Counting down to a moment, second by second. It goes by the clock and not by the number of ticks, because browsers
//! slow the timers of pages that nobody looks at.

export interface CountdownEvents {
  /** At the start and once a second: whole seconds left, at least 1. */
  tick(secondsLeft: number): void;
  /** Once, at the moment. */
  end(): void;
}

export class Countdown {
  #started = 0;
  #length = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly events: CountdownEvents) {}

  /** Whether the moment is still to come. */
  get running(): boolean {
    return this.#timer !== undefined;
  }

  /** Counts down from `wait` milliseconds; if a later moment is already counted down to, that one stays. */
  start(wait: number): void {
    if (this.running && this.#left() >= wait) return;
    this.stop();
    this.#started = Date.now();
    this.#length = wait;
    this.#tick();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const left = this.#left();
    if (left <= 0) {
      this.stop();
      this.events.end();
      return;
    }
    const seconds = Math.ceil(left / 1_000);
    // When the number changes next.
    this.#timer = setTimeout(() => this.#tick(), left - (seconds - 1) * 1_000);
    this.events.tick(seconds);
  }

  /** Milliseconds left. A clock set back must not make the wait longer than it was. */
  #left(): number {
    return Math.min(this.#started + this.#length - Date.now(), this.#length);
  }
}

/** Seconds as people say them: `23 seconds`, `2 min 5 s`. */
export function inWords(seconds: number): string {
  if (seconds < 100) return seconds === 1 ? '1 second' : `${seconds} seconds`;
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
