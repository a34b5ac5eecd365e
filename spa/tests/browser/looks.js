//! Every page in every state: no rule of axe-core is broken, nothing scrolls sideways on a phone, and pictures are kept
//! in `spa/tests/artifacts/` to be looked at.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { App } from '../support/app.js';
import { answered, visit } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { inspect } from '../support/looks.js';
import { allow, signIn, somebody } from '../support/people.js';
import { startWeir } from '../support/weir.js';

let weir;
before(async () => (weir = await startWeir()));
after(() => weir?.stop());

visit('the application, from signed out to throttled', { expected: [answered(429)] }, async ({ page }) => {
  const app = await new App(page, weir).open();
  await inspect(page, 'app-signed-out');
  await app.signUp(somebody());
  await inspect(page, 'app-signed-in');
  assert.equal(await app.call(), 200);
  await inspect(page, 'app-served');
  await app.call20Button.click();
  await eventually('all outcomes', async () => (await app.marks.count()) === 21);
  await app.isIdle();
  await inspect(page, 'app-throttled');
});

visit('the application while it waits, and when nothing answers', { expected: [/ERR_CONNECTION_REFUSED/] }, async ({ page }) => {
  const app = await new App(page, weir).open();
  await app.signUp(somebody());
  let proceed;
  const held = new Promise((resolve) => (proceed = resolve));
  await page.route(weir.hello, async (route) => {
    await held;
    await route.abort('connectionrefused');
  });
  await app.callButton.click();
  await app.progress.waitFor();
  await inspect(page, 'app-waiting');
  proceed();
  await app.isIdle();
  await inspect(page, 'app-unreachable');
});

visit('the pages of the identity', { expected: [answered(4)] }, async ({ page }) => {
  const app = await new App(page, weir).open();
  const ada = somebody();
  await app.signInButton.click();
  await page.getByLabel('Password').waitFor();
  await inspect(page, 'identity-sign-in');
  await signIn(page, { email: 'nobody@example.com', password: 'Wrong-Horse-9' });
  await page.getByRole('alert').waitFor();
  await inspect(page, 'identity-sign-in-refused');

  await page.getByRole('link', { name: 'Sign up now' }).click();
  await page.getByLabel('Display Name').waitFor();
  await inspect(page, 'identity-sign-up');
  await page.getByLabel('New Password', { exact: true }).fill('short');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.locator('[aria-invalid="true"]').first().waitFor();
  await inspect(page, 'identity-sign-up-refused');

  await page.getByLabel('Email Address').fill(ada.email);
  await page.getByLabel('New Password', { exact: true }).fill(ada.password);
  await page.getByLabel('Confirm New Password').fill(ada.password);
  await page.getByLabel('Display Name').fill(ada.name);
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  await inspect(page, 'identity-consent');
  await allow(page);
  await app.welcomes(ada);

  await page.goto(weir.identity);
  await inspect(page, 'identity-about');
  await page.goto(weir.signOut);
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await inspect(page, 'identity-sign-out');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You have signed out').waitFor();
  await inspect(page, 'identity-signed-out');
});
