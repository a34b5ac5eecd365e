//! The page itself: finds its elements and changes them. Foreign text becomes text nodes, never markup.

import type { Outcome } from './call.js';
import { inWords } from './countdown.js';
import { type Call, KEPT, tally } from './history.js';
import { detail, mark } from './marks.js';

export class View {
  readonly #find: <T extends HTMLElement = HTMLElement>(id: string) => T;
  #total = 0;

  constructor(document: Document) {
    this.#find = <T extends HTMLElement>(id: string): T => {
      const element = document.getElementById(id);
      if (element === null) throw new Error(`the page has no element #${id}`);
      return element as T;
    };
  }

  onSignIn(handler: () => void): void {
    this.#onPress('signinbtn', handler);
  }

  onSignOut(handler: () => void): void {
    this.#onPress('signoutbtn', handler);
  }

  onCall(handler: () => void): void {
    this.#onPress('callapibtn', handler);
  }

  onCallMany(handler: () => void): void {
    this.#onPress('call20btn', handler);
  }

  /** Where the calls go. */
  showApi(url: string): void {
    this.#find('apiurl').textContent = url;
  }

  /** Nobody is signed in; `notice` says why, if somebody was. */
  showSignedOut(notice = ''): void {
    const focusIsLost = this.#find('signedin').contains(document.activeElement) || document.activeElement?.id === 'signoutbtn';
    this.#setText('message', 'Please sign in to continue');
    this.#showNotice(notice);
    this.#show({ signedout: true, signinbtn: true, signedin: false, signoutbtn: false });
    if (focusIsLost) this.#find('signinbtn').focus();
  }

  showSignedIn(name: string): void {
    this.#setText('message', `Welcome, ${name}`);
    this.#showNotice('');
    this.#show({ signedout: false, signinbtn: false, signedin: true, signoutbtn: true });
  }

  /** The browser is on its way to the provider. */
  showLeaving(leaving: boolean): void {
    this.#setEnabled('signinbtn', !leaving);
  }

  /** The page cannot work at all. */
  showUnusable(what: string, reasons: readonly string[]): void {
    this.#setText('message', what);
    const list = document.createElement('ul');
    list.append(...reasons.map((reason) => Object.assign(document.createElement('li'), { textContent: reason })));
    this.#find('notice').replaceChildren(list);
    this.#show({ notice: true });
  }

  /** Whether calls are under way. What an earlier one said stays, so that the page does not jump, but looks old. */
  showCalling(calling: boolean): void {
    this.#show({ progress: calling });
    const result = this.#find('result');
    if (calling && result.textContent !== '') result.dataset['kind'] = 'old';
  }

  enableCalls(enabled: boolean): void {
    this.#setEnabled('callapibtn', enabled);
    this.#setEnabled('call20btn', enabled);
  }

  /** What became of the calls that were just made. */
  showOutcomes(outcomes: readonly Outcome[]): void {
    // Of many, the one that says no tells more than the one that was served.
    const shown = outcomes.findLast(({ kind }) => kind !== 'served') ?? outcomes.at(-1);
    if (shown === undefined) return;
    const summary = outcomes.length > 1 ? `${outcomes.length} calls: ${tally(outcomes)}. ` : '';
    this.#find('result').dataset['kind'] = shown.kind;
    this.#setText('result', summary + shown.text);
    const left = outcomes.at(-1)?.remaining;
    this.#setText('remaining', left === undefined ? '' : `Calls left: ${left}`);
    this.#show({ remaining: left !== undefined });
  }

  showCountdown(seconds: number): void {
    const bar = this.#find<HTMLProgressElement>('countdownbar');
    if (this.#find('wait').hidden) this.#total = seconds;
    this.#total = Math.max(this.#total, seconds);
    bar.max = this.#total;
    bar.value = seconds;
    this.#find('countdown').textContent = `You can call again in ${inWords(seconds)}.`;
    this.#setText('announcement', '');
    this.#show({ wait: true });
  }

  hideCountdown(): void {
    if (this.#find('wait').hidden) return;
    this.#show({ wait: false });
    this.#setText('announcement', 'You can call again.');
  }

  /** The last calls, oldest first. */
  showHistory(calls: readonly Call[]): void {
    this.#find('history').replaceChildren(...calls.map(mark));
    this.#find('calls').replaceChildren(...calls.map(detail).reverse());
    this.#setText('historynote', calls.length < KEPT ? tally(calls) : `the last ${KEPT}: ${tally(calls)}`);
    this.#show({ historycard: true });
  }

  #showNotice(text: string): void {
    this.#setText('notice', text);
    this.#show({ notice: text !== '' });
  }

  /** Replaces the text by a new node, so that a live region reads the same text again when it is told again. */
  #setText(id: string, text: string): void {
    this.#find(id).replaceChildren(text);
  }

  #show(elements: Record<string, boolean>): void {
    for (const [id, shown] of Object.entries(elements)) this.#find(id).hidden = !shown;
  }

  /** Not the attribute `disabled`: a button that has the focus would lose it, and with it the place of a keyboard. */
  #setEnabled(id: string, enabled: boolean): void {
    this.#find(id).setAttribute('aria-disabled', String(!enabled));
  }

  #onPress(id: string, handler: () => void): void {
    const button = this.#find(id);
    button.addEventListener('click', () => {
      if (button.getAttribute('aria-disabled') !== 'true') handler();
    });
  }
}
