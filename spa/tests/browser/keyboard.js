//! The main path without a mouse: sign up, call, be throttled, sign out, by Tab, Enter and typing.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { App } from '../support/app.js';
import { answered, visit } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { somebody } from '../support/people.js';
import { startWeir } from '../support/weir.js';

/** More stops than any of the pages has. */
const STOPS = 30;

let weir;
before(async () => (weir = await startWeir()));
after(() => weir?.stop());

/** Presses Tab until `target` has the focus, and checks that one can see that it has. */
async function tabTo(page, target) {
  await target.waitFor();
  for (let stop = 0; stop < STOPS; stop += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) {
      const ring = await target.evaluate((element) => {
        const style = getComputedStyle(element);
        return style.outlineStyle !== 'none' || style.boxShadow !== 'none';
      });
      assert.ok(ring, `the focus on ${target} shows`);
      return;
    }
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab never reaches ${target}`);
}

visit('the main path by keyboard alone', { expected: [answered(429)] }, async ({ page }) => {
  const app = await new App(page, weir).open();
  const ada = somebody();
  const press = async (target) => {
    await tabTo(page, target);
    await page.keyboard.press('Enter');
  };
  const type = async (label, text) => {
    await tabTo(page, page.getByLabel(label, { exact: true }));
    await page.keyboard.type(text);
  };

  await press(app.signInButton);
  await press(page.getByRole('link', { name: 'Sign up now' }));
  await type('Email Address', ada.email);
  await type('New Password', ada.password);
  await type('Confirm New Password', ada.password);
  await type('Display Name', ada.name);
  await page.keyboard.press('Enter');
  await press(page.getByRole('button', { name: 'Allow' }));
  await app.welcomes(ada);

  await press(app.callButton);
  await eventually('an outcome', async () => (await app.marks.count()) === 1);
  await app.isIdle();
  const focused = await page.evaluate(() => document.activeElement.id);
  assert.equal(focused, 'callapibtn', 'the focus stays where it was');

  await press(app.call20Button);
  await eventually('all outcomes', async () => (await app.marks.count()) === 21);
  await app.isIdle();
  await app.countdown.waitFor();
  const lost = await page.evaluate(() => document.activeElement === document.body);
  assert.equal(lost, false, 'the focus is not lost with the button');

  await press(app.signOutButton);
  await app.says('Please sign in to continue');
});
