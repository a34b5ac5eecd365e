//! What a state of a page looks like, and whether everybody can use it: pictures in light and dark, wide and on a
//! phone, and axe-core's rules in both colour schemes.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { ARTIFACTS } from './browser.js';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const SCHEMES = ['light', 'dark'];
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

/**
 * Takes four pictures of the page, named after `state`, checks that it does not scroll sideways on a phone, and that
 * axe-core finds nothing in it. `foreign`: selectors of markup that is not weir's; what axe finds there is returned.
 */
export async function inspect(page, state, { foreign = [] } = {}) {
  await mkdir(ARTIFACTS, { recursive: true });
  const found = [];
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const [name, size] of [['wide', WIDE], ['phone', PHONE]]) {
      await page.setViewportSize(size);
      await page.screenshot({ path: join(ARTIFACTS, `${state}-${colorScheme}-${name}.png`), fullPage: true, animations: 'disabled' });
      if (size === PHONE && foreign.length === 0) {
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= PHONE.width, `${state} is ${width} px wide on a phone of ${PHONE.width} px`);
      }
      found.push(...(await violations(page, `${state}, ${colorScheme}, ${name}`, foreign)));
    }
  }
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: 'light' });
  return found;
}

/** Fails on what axe-core finds in weir's own markup; returns what it finds in foreign markup. */
async function violations(page, where, foreign) {
  await page.evaluate(AXE);
  const run = (context) => page.evaluate((context) => globalThis.axe.run(context), context);
  const own = await run({ exclude: foreign.map((selector) => [selector]) });
  const told = own.violations.flatMap(({ id, help, nodes }) => nodes.map((n) => `${id}: ${help}\n    ${n.html}\n    ${n.failureSummary}`));
  assert.deepEqual(told, [], `axe-core, ${where}:\n${told.join('\n')}`);
  if (foreign.length === 0) return [];
  const theirs = await run({ include: foreign.map((selector) => [selector]) });
  return theirs.violations.map(({ id, nodes }) => `${id} (${nodes.length})`);
}
