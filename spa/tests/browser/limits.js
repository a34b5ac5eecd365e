//! Limits by person and by address, as the page shows them.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { App } from '../support/app.js';
import { answered, startVisitor, visit } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { somebody } from '../support/people.js';
import { CALLS, withAddressLimit } from '../support/scenario.js';
import { startWeir } from '../support/weir.js';

/** For everybody at one address: twenty for the first person, and a few more. */
const ADDRESS_CALLS = 20 + 5;

const expected = [answered(429)];

let weir;
before(async () => (weir = await startWeir({ policy: withAddressLimit(ADDRESS_CALLS) })));
after(() => weir?.stop());

/** How many of the outcomes start with `kind`. */
const count = (history, kind) => history.filter((mark) => mark.startsWith(kind)).length;

visit('twenty calls at once show the limit, a second person has another, the address is shared', { expected }, async ({ page }) => {
  const ada = await new App(page, weir).open();
  await ada.signUp(somebody('Ada Example'));
  await ada.call20Button.click();
  await eventually('twenty outcomes', async () => (await ada.marks.count()) === 20);
  await ada.isIdle();
  const history = await ada.history();
  assert.deepEqual(ada.inexact, [], 'Redis decided every call');
  assert.equal(count(history, 'served 200'), CALLS);
  assert.equal(count(history, 'refused 429'), 20 - CALLS);
  assert.match(await ada.countdown.innerText(), /\d+/);
  for (const mark of await ada.marks.all()) {
    const told = `${await mark.getAttribute('aria-label')} ${await mark.textContent()} ${await mark.getAttribute('title')}`;
    assert.match(told, /200|429/, 'each mark tells its status in words');
  }

  const visitor = await startVisitor({ expected });
  try {
    const grace = await new App(visitor.page, weir).open();
    await grace.signUp(somebody('Grace Example'));
    // Ada's refused calls had passed the limit of the address, which stands first: it has counted all twenty.
    for (let n = 1; n <= ADDRESS_CALLS - 20; n += 1) assert.equal(await grace.call(), 200, `call ${n}`);
    assert.equal(await grace.call(), 429, 'the address has used up its calls, Grace has not');
    visitor.assertContent();
  } finally {
    await visitor.context.close();
  }
});
