//! The scenario as a person goes through it: sign up, call, be throttled, wait, call again, sign out.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { App } from '../support/app.js';
import { answered, visit } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { signIn, somebody } from '../support/people.js';
import { CALLS, withPeriod } from '../support/scenario.js';
import { startWeir } from '../support/weir.js';

/** Long enough for fifteen calls by hand on a loaded machine, short enough to wait for. In seconds. */
const PERIOD = 20;

let weir;
before(async () => (weir = await startWeir({ policy: withPeriod(PERIOD) })));
after(() => weir?.stop());

visit('fifteen calls are served, the sixteenth is refused until the countdown ends', { expected: [answered(429)] }, async ({ page }) => {
  const app = await new App(page, weir).open();
  const ada = somebody();
  assert.ok(await app.callButton.isHidden(), 'nothing to call before signing in');
  await app.signUp(ada);

  for (let n = 1; n <= CALLS; n += 1) assert.equal(await app.call(), 200, `call ${n}`);
  assert.match(await app.result.innerText(), /Hello/);
  assert.deepEqual(await app.history(), Array(CALLS).fill('served 200'));

  assert.equal(await app.call(), 429);
  assert.match(await app.result.innerText(), /Rate limit is exceeded\. Try again in \d+ seconds?\./);
  const seconds = Number(/\d+/.exec(await app.countdown.innerText())[0]);
  assert.ok(seconds >= 1 && seconds <= PERIOD, `the countdown says ${seconds}`);
  assert.equal(await canCall(app), false, 'the button is away while there is a wait');
  assert.equal((await app.history()).filter((mark) => mark === 'refused 429').length, 1);

  await eventually('the countdown counts', async () => Number(/\d+/.exec(await app.countdown.innerText())[0]) < seconds);
  await eventually('the button comes back', () => canCall(app));
  assert.ok(await app.countdown.isHidden(), 'no countdown without a wait');
  assert.equal(await app.call(), 200, 'the first call after the wait is served');
  assert.match(await app.result.innerText(), /Hello/);
});

visit('a call begins a trace, and the page names it', async ({ page }) => {
  const app = await new App(page, weir).open();
  await app.signUp(somebody());
  const request = page.waitForRequest((r) => r.url() === weir.hello && r.method() === 'GET');
  assert.equal(await app.call(), 200);
  const [version, trace] = (await (await request).headerValue('traceparent')).split('-');
  assert.equal(version, '00');
  assert.match(await page.locator('#calls').textContent(), new RegExp(`trace ${trace}`));
});

visit('reloading and going back leave somebody signed in', async ({ page }) => {
  const app = await new App(page, weir).open();
  const ada = somebody();
  await app.signUp(ada);
  const url = new URL(page.url());
  assert.equal(url.search, '', 'the answer of the provider is gone from the address bar');
  assert.equal(url.origin, weir.app);

  await page.reload();
  await app.welcomes(ada);
  assert.equal(await app.call(), 200);

  // Back to the form that is answered, and forward again: neither is an error, and no code is spent twice.
  await page.goBack();
  await page.goto(weir.app);
  await app.welcomes(ada);
  assert.equal(await app.call(), 200);
});

visit('going back after the callback does not spend its code again', async ({ page }) => {
  const app = await new App(page, weir).open();
  await app.signUp(somebody());
  const spent = [];
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().includes('/token')) spent.push(request.url());
  });
  await page.goBack();
  await page.goForward();
  await app.says(/Welcome, /);
  assert.deepEqual(spent, []);
});

visit('signing out ends it here and at the provider', async ({ page }) => {
  const app = await new App(page, weir).open();
  const ada = somebody();
  await app.signUp(ada);
  await app.signOut();
  assert.ok(await app.callButton.isHidden());
  assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage).concat(Object.keys(localStorage))), []);

  await page.reload();
  await app.says('Please sign in to continue');
  await app.signInButton.click();
  await page.getByLabel('Password').waitFor();
  await signIn(page, ada);
  await app.welcomes(ada);
});

visit('a session at the provider skips the form', async ({ context, page }) => {
  const app = await new App(page, weir).open();
  const ada = somebody();
  await app.signUp(ada);
  const second = await new App(await context.newPage(), weir).open();
  await second.says('Please sign in to continue');
  await second.signInButton.click();
  await second.welcomes(ada);
  assert.equal(await second.call(), 200);
});

visit('a wrong password is told beside the form, the same as an unknown address', { expected: [answered(4)] }, async ({ page }) => {
  const app = await new App(page, weir).open();
  const ada = somebody();
  await app.signUp(ada);
  await app.signOut();

  await app.signInButton.click();
  await signIn(page, { ...ada, password: 'Wrong-Horse-9' });
  const wrong = await page.getByRole('alert').innerText();
  await signIn(page, { email: 'nobody@example.com', password: 'Wrong-Horse-9' });
  await page.getByLabel('Email Address').and(page.locator('[value="nobody@example.com"]')).waitFor();
  assert.equal(await page.getByRole('alert').innerText(), wrong);

  await signIn(page, ada);
  await app.welcomes(ada);
});

visit('a call that nothing answers is no refusal', { expected: [/ERR_CONNECTION_REFUSED/] }, async ({ page }) => {
  const app = await new App(page, weir).open();
  await app.signUp(somebody());
  await page.route(weir.hello, (route) => route.abort('connectionrefused'));
  await app.callButton.click();
  await eventually('a failed call', async () => (await app.history()).length === 1);
  assert.match((await app.history())[0], /^failed/);
  await app.isIdle();
  assert.doesNotMatch(await app.result.innerText(), /limit/i);
  assert.ok(await canCall(app), 'there is nothing to wait for');
  await page.unroute(weir.hello);
  assert.equal(await app.call(), 200);
});

visit('a 401 leads back to the sign-in', { expected: [answered(401)] }, async ({ page }) => {
  const app = await new App(page, weir).open();
  const ada = somebody();
  await app.signUp(ada);
  const headers = { 'access-control-allow-origin': weir.app, 'access-control-allow-credentials': 'true' };
  await page.route(weir.hello, (route) => route.fulfill({ status: 401, headers, body: '' }), { times: 1 });
  const signIn = page.waitForRequest((request) => request.url().includes('/authorize'));
  await app.callButton.click();
  await signIn;
  // The provider still knows the person, so that no form stands in the way.
  await app.welcomes(ada);
  assert.equal(await app.call(), 200);
});

visit('an access token that has expired is renewed without a form', async ({ page }) => {
  const app = await new App(page, weir).open();
  const ada = somebody();
  await app.signUp(ada);
  await page.evaluate(() => {
    const key = Object.keys(sessionStorage).find((name) => name.startsWith('oidc.user:'));
    sessionStorage[key] = JSON.stringify({ ...JSON.parse(sessionStorage[key]), expires_at: 1 });
  });
  const renewal = page.waitForRequest((r) => r.method() === 'POST' && /grant_type=refresh_token/.test(r.postData() ?? ''));
  await page.reload();
  await renewal;
  await app.welcomes(ada);
  assert.equal(await app.call(), 200);
});

/** Whether the button is there to be pressed. */
async function canCall(app) {
  return (await app.callButton.isVisible()) && (await app.callButton.isEnabled());
}
