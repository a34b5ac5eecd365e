//! What a browser lets a script see and do across origins: the reason why answers carry the headers they carry.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before } from 'node:test';

import { App } from '../support/app.js';
import { answered, visit } from '../support/browser.js';
import { somebody } from '../support/people.js';
import { CALLS } from '../support/scenario.js';
import { startWeir, tokenOf } from '../support/weir.js';

let weir, stranger;
before(async () => {
  weir = await startWeir();
  stranger = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>stranger</title>'));
  await new Promise((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  stranger.origin = `http://localhost:${stranger.address().port}`;
});
after(() => Promise.all([weir?.stop(), stranger && new Promise((resolve) => stranger.close(resolve))]));

/** `fetch` as a page's script does it, and all that the script can know of the outcome. */
function fetchIn(page, url, headers = {}) {
  return page.evaluate(
    async ([url, headers]) => {
      try {
        const response = await fetch(url, { headers });
        return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
      } catch (error) {
        return { error: error.name };
      }
    },
    [url, headers],
  );
}

visit('a 401 and a 429 are readable by script, with what the page needs of their headers', { expected: [answered(401), answered(429)] }, async ({ page }) => {
  await new App(page, weir).open();
  const missing = await fetchIn(page, weir.hello);
  assert.equal(missing.status, 401);
  assert.equal(JSON.parse(missing.text).message, 'Unauthorized. Access token is missing or invalid.');
  assert.ok(missing.headers['x-trace-id']);

  const authorization = `Bearer ${await tokenOf('ada', weir.identity)}`;
  const wrong = await fetchIn(page, weir.hello, { authorization: authorization.slice(0, -9) });
  assert.equal(wrong.status, 401);

  for (let n = 1; n <= CALLS; n += 1) assert.equal((await fetchIn(page, weir.hello, { authorization })).status, 200);
  const refused = await fetchIn(page, weir.hello, { authorization });
  assert.equal(refused.status, 429);
  assert.match(JSON.parse(refused.text).message, /^Rate limit is exceeded\. Try again in \d+ seconds?\.$/);
  assert.match(refused.headers['retry-after'], /^\d+$/);
  assert.ok(refused.headers['x-trace-id']);
});

// Chromium logs why it kept the answer from the page.
visit('a page of another origin can neither call nor read', { expected: [/CORS policy/, /ERR_FAILED/] }, async ({ page }) => {
  await page.goto(stranger.origin);
  const authorization = `Bearer ${await tokenOf('ada', weir.identity)}`;
  assert.deepEqual(await fetchIn(page, weir.hello, { authorization }), { error: 'TypeError' });
  assert.deepEqual(await fetchIn(page, weir.hello), { error: 'TypeError' });
  assert.deepEqual(await fetchIn(page, `${weir.app}/config.json`), { error: 'TypeError' });
});

visit('127.0.0.1 is another origin than localhost, and is kept out too', { expected: [/CORS policy/, /ERR_FAILED/, answered(4)] }, async ({ page }) => {
  await page.goto(stranger.origin.replace('localhost', '127.0.0.1'));
  assert.deepEqual(await fetchIn(page, weir.hello), { error: 'TypeError' });
});

visit('no page of weir lets itself be framed', { expected: [/frame-ancestors|X-Frame-Options|ERR_BLOCKED/i] }, async ({ page }) => {
  await page.goto(stranger.origin);
  for (const url of [weir.app, weir.console, `${weir.identity}/`]) {
    const blocked = page.waitForEvent('console', (message) => /frame-ancestors|X-Frame-Options/i.test(message.text()));
    await page.evaluate((src) => {
      document.body.replaceChildren(Object.assign(document.createElement('iframe'), { src }));
    }, url);
    await blocked;
  }
});

visit('what the host of the page sends', async ({ page }) => {
  const response = await page.goto(weir.app);
  const headers = response.headers();
  const policy = headers['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe-|\*/);
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['cache-control'], 'no-cache');
  assert.ok(headers['referrer-policy']);
  const hashed = await page.locator('script[src]').first().evaluate((script) => script.src);
  assert.match((await page.request.get(hashed)).headers()['cache-control'], /immutable/);
});
