//! What happens when: the page opens, somebody signs in, calls, is refused, waits, signs out.

import { callApi, type Outcome, type Target } from './call.js';
import { Countdown } from './countdown.js';
import { History } from './history.js';
import { displayName, type Session } from './session.js';
import { type Trouble, troubleOf } from './trouble.js';
import type { View } from './view.js';

/** What "Call 20 times" does, and how many at once: a browser opens six connections to one host. */
const MANY = 20;
const AT_ONCE = 5;

export class App {
  readonly #history = new History();
  readonly #countdown: Countdown;
  #calling = false;

  constructor(
    private readonly view: View,
    private readonly session: Session,
    private readonly api: Target,
  ) {
    this.#countdown = new Countdown({
      tick: (seconds) => view.showCountdown(seconds),
      end: () => {
        view.hideCountdown();
        this.#update();
      },
    });
    view.onSignIn(() => this.#signIn());
    view.onSignOut(() => this.#signOut());
    view.onCall(() => this.#call(1));
    view.onCallMany(() => this.#call(MANY));
  }

  /** Starts at `url`, the address that the page was opened at. */
  async open(url: URL): Promise<void> {
    try {
      const user = await this.session.open(url);
      if (user === null) this.view.showSignedOut();
      else this.view.showSignedIn(displayName(user.profile));
    } catch (error) {
      this.view.showSignedOut(troubleOf(error).message);
    }
    this.#update();
  }

  async #signIn(): Promise<void> {
    this.view.showLeaving(true);
    try {
      await this.session.signIn();
    } catch (error) {
      this.view.showSignedOut(troubleOf(error).message);
    } finally {
      this.view.showLeaving(false);
    }
  }

  async #signOut(): Promise<void> {
    let notice: string | undefined;
    try {
      await this.session.signOut();
    } catch (error) {
      const { message } = troubleOf(error);
      notice = `You are signed out here, but perhaps not at the sign-in service. ${message}`;
    }
    this.#endSession(notice);
  }

  #endSession(notice?: string): void {
    this.#countdown.stop();
    this.view.hideCountdown();
    this.view.showSignedOut(notice);
  }

  async #call(times: number): Promise<void> {
    if (!this.#canCall) return;
    this.#calling = true;
    this.#update();
    const { outcomes, ended } = await this.#callAll(times);
    this.#calling = false;
    this.view.showOutcomes(outcomes);
    this.#update();
    if (ended !== undefined) await this.#signInAgain(ended);
  }

  /** Calls `times` times, several at once. Stops early where more calls would only tell the same. */
  async #callAll(times: number): Promise<{ outcomes: Outcome[]; ended?: string }> {
    const outcomes: Outcome[] = [];
    let left = times;
    let ended: string | undefined;
    const work = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const outcome = await this.#callOnce();
        if (outcome instanceof Error) {
          ended = outcome.message;
          left = 0;
          return;
        }
        outcomes.push(outcome);
        if (outcome.status === 401) ended = outcome.text;
        if (outcome.status === 401 || outcome.status === 0) left = 0;
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, times) }, work));
    return ended === undefined ? { outcomes } : { outcomes, ended };
  }

  /** One call, with its mark in the history; the trouble if there was no token to call with. */
  async #callOnce(): Promise<Outcome | Trouble> {
    const started = performance.now();
    let outcome: Outcome;
    try {
      outcome = await callApi(this.api, await this.session.token());
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble.kind !== 'unreachable') return trouble;
      outcome = { kind: 'failed', status: 0, text: trouble.message };
    }
    if (outcome.status !== 401 && outcome.status !== 0) this.session.accepted();
    if (outcome.wait !== undefined) this.#countdown.start(outcome.wait);
    this.#history.add(outcome, new Date(), Math.round(performance.now() - started));
    this.view.showHistory(this.#history.calls);
    return outcome;
  }

  /** Back to the sign-in. If that has just been tried, the person is told instead of being sent around in circles. */
  async #signInAgain(why: string): Promise<void> {
    try {
      const sent = await this.session.signInAgain();
      this.#endSession(sent ? undefined : `${why} A new sign-in did not change that.`);
    } catch (error) {
      this.#endSession(troubleOf(error).message);
    }
  }

  get #canCall(): boolean {
    return !this.#calling && !this.#countdown.running;
  }

  #update(): void {
    this.view.showCalling(this.#calling);
    this.view.enableCalls(this.#canCall);
  }
}
