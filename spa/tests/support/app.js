//! The single-page application as a person uses it.

import assert from 'node:assert/strict';

import { signIn, signUp } from './people.js';

/** The application in one page of a visitor. */
export class App {
  constructor(page, weir) {
    this.page = page;
    this.weir = weir;
    /** Modes of answers that were not decided by Redis, because this machine was too slow for it. */
    this.inexact = [];
    page.on('response', (response) => {
      const mode = response.headers()['x-weir-limiter'];
      if (mode !== undefined) this.inexact.push(mode);
    });
    this.signInButton = page.locator('#signinbtn');
    this.signOutButton = page.locator('#signoutbtn');
    this.message = page.locator('#message');
    this.callButton = page.locator('#callapibtn');
    this.call20Button = page.locator('#call20btn');
    this.progress = page.locator('#progress');
    this.result = page.locator('#result');
    this.countdown = page.locator('#countdown');
    this.marks = page.locator('#history li');
  }

  /** Opens it; it says whether somebody is signed in. */
  async open() {
    await this.page.goto(this.weir.app);
    await this.says(/Please sign in to continue|Welcome, /);
    return this;
  }

  /** Waits until the message is `text`. */
  async says(text) {
    await this.message.filter({ hasText: text }).waitFor();
  }

  /** Makes an account, and is signed in by that. */
  async signUp(person) {
    await this.signInButton.click();
    await signUp(this.page, person);
    await this.welcomes(person);
  }

  async signIn(person) {
    await this.signInButton.click();
    await signIn(this.page, person);
    await this.welcomes(person);
  }

  async welcomes(person) {
    await this.says(`Welcome, ${person.name}`);
    await this.callButton.waitFor();
    assert.ok(await this.signInButton.isHidden(), 'the Sign In button is gone');
  }

  /** Signs out, here and at the provider. */
  async signOut() {
    await this.signOutButton.click();
    await this.says('Please sign in to continue');
    await this.signInButton.waitFor();
  }

  /** Presses "Call API" and waits for the outcome; the status. */
  async call() {
    const answer = this.page.waitForResponse((r) => r.url() === this.weir.hello && r.request().method() === 'GET');
    await this.callButton.click();
    const status = (await answer).status();
    await this.isIdle();
    return status;
  }

  /** Waits until no call is under way. */
  async isIdle() {
    await this.progress.waitFor({ state: 'hidden' });
  }

  /** The outcomes of the last calls, as the marks tell them, e.g. `served 200`. */
  async history() {
    return this.marks.evaluateAll((marks) => marks.map((mark) => `${mark.dataset.kind} ${mark.dataset.status}`));
  }
}
