//! The gateway's live page, while calls are served and refused.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { answered, visit } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { inspect } from '../support/looks.js';
import { CALLS } from '../support/scenario.js';
import { startWeir, tokenOf } from '../support/weir.js';

let weir;
before(async () => (weir = await startWeir()));
after(() => weir?.stop());

/** Opens the page and waits for its first second. */
async function open(page) {
  await page.goto(weir.live);
  await page.locator('#state.live').waitFor();
}

/** Calls as `user` until this function's result is called; the statuses. */
async function callAs(user) {
  const token = user === undefined ? undefined : await tokenOf(user, weir.identity);
  const statuses = [];
  let going = true;
  const done = (async () => {
    while (going) {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(weir.hello, { headers });
      await response.text();
      statuses.push(response.status);
    }
  })();
  return async () => {
    going = false;
    await done;
    return statuses;
  };
}

visit('tells what is served and refused, by whom, and which key', async ({ page }) => {
  await open(page);
  assert.ok(await page.locator('#refusals-empty').isVisible(), 'nothing is refused before there are calls');
  const stops = [await callAs('alice'), await callAs()];
  try {
    const rows = page.locator('#refusals tbody tr');
    const subject = rows.filter({ hasText: 'global/rate-limit-by-key[2]' });
    await subject.waitFor();
    await rows.filter({ hasText: 'validate-jwt' }).waitFor();
    const key = page.locator('#keys tbody tr').first();
    await key.waitFor();
    // A code, not the key: that is somebody.
    assert.match(await key.locator('td').first().innerText(), /^[0-9a-f]{8}$/);
    assert.ok(!(await page.content()).includes('alice'));
    const figure = async (id) => Number((await page.locator(`#${id}`).innerText()).replaceAll(',', ''));
    await eventually('429 are counted', async () => (await figure('limited')) > 0);
    await eventually('401 are counted', async () => (await figure('denied')) > 0);
    await eventually('a latency is told', async () => (await figure('p50')) > 0);
    const path = await page.locator('#answers .limited').getAttribute('d');
    assert.match(path, /^M[\d.]+ [\d.]+L/);
    assert.match(await page.locator('#answers').getAttribute('aria-label'), /limited/);
    await inspect(page, 'live-under-load');
  } finally {
    const [alice, nobody] = [await stops[0](), await stops[1]()];
    assert.ok(alice.filter((status) => status === 200).length >= CALLS);
    assert.ok(nobody.every((status) => status === 401 || status === 429));
  }
});

visit('can be paused with the keyboard, and goes on', async ({ page }) => {
  await open(page);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const pause = page.getByRole('button', { name: 'Pause' });
  assert.equal(await pause.getAttribute('aria-pressed'), 'true');
  const before = await page.locator('#answers').getAttribute('aria-label');
  const stop = await callAs();
  const refused = await eventually('a call was made', async () => {
    const metrics = await (await fetch(weir.live.replace('/live', '/metrics'))).text();
    return Number(/policy="validate-jwt",limit=""} (\d+)/.exec(metrics)[1]) > 3;
  });
  assert.ok(refused);
  await stop();
  assert.equal(await page.locator('#answers').getAttribute('aria-label'), before, 'nothing moves meanwhile');
  await page.keyboard.press('Enter');
  await page.locator('#refusals tbody tr').filter({ hasText: 'validate-jwt' }).waitFor();
});

visit('refuses more pages than it has places for, and says so', { expected: [answered(503)] }, async ({ page }) => {
  const controllers = [];
  try {
    for (let status = 200; status === 200; ) {
      const controller = new AbortController();
      controllers.push(controller);
      ({ status } = await fetch(`${weir.live}/events`, { signal: controller.signal }));
      assert.ok(controllers.length < 64, 'there is a bound');
    }
    await page.goto(weir.live);
    await page.getByText('too many pages are open').waitFor();
  } finally {
    controllers.forEach((controller) => controller.abort());
  }
});
