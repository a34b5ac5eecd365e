//! The developer console: it signs in through its pop-up, and "Try it out" goes through the gateway.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { answered, visit } from '../support/browser.js';
import { inspect } from '../support/looks.js';
import { signUp, somebody } from '../support/people.js';
import { CALLS } from '../support/scenario.js';
import { startWeir } from '../support/weir.js';

let weir;
before(async () => (weir = await startWeir()));
after(() => weir?.stop());

visit('the console authorises in a pop-up and calls through the gateway', { expected: [answered(401), answered(429)] }, async ({ page }) => {
  await page.goto(weir.console);
  await page.getByText('Hello API').first().waitFor();
  assert.match(await page.title(), /weir/);
  assert.doesNotMatch(await page.content(), /petstore/i);
  await inspect(page, 'console');

  const operation = page.locator('.opblock', { hasText: '/hello' });
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  const execute = async () => {
    const answer = page.waitForResponse((r) => r.url() === weir.hello && r.request().method() === 'GET');
    await operation.getByRole('button', { name: 'Execute' }).click();
    return (await answer).status();
  };
  assert.equal(await execute(), 401, 'not before signing in');

  await page.locator('.btn.authorize').first().click();
  const dialog = page.locator('.dialog-ux');
  await inspect(page, 'console-authorise', { fullPage: false });
  const popup = page.waitForEvent('popup');
  await dialog.locator('.btn.authorize').click();
  const window = await popup;
  const closed = window.waitForEvent('close');
  await signUp(window, somebody());
  await closed;
  await dialog.locator('.btn', { hasText: 'Logout' }).waitFor();
  await dialog.locator('.btn', { hasText: 'Close' }).click();

  for (let n = 1; n <= CALLS; n += 1) assert.equal(await execute(), 200, `call ${n}`);
  await operation.locator('.live-responses-table').getByText('Hello').first().waitFor();
  await inspect(page, 'console-served');
  assert.equal(await execute(), 429);
  const shown = operation.locator('.live-responses-table');
  await shown.getByText('Rate limit is exceeded').waitFor();
  await shown.getByText('retry-after').first().waitFor();
});
