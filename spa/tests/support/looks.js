//! What a state of a page looks like, and whether everybody can use it: pictures in light and dark, wide and on a
//! phone, and axe-core's rules in both colour schemes.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { ARTIFACTS } from './browser.js';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const SCHEMES = ['light', 'dark'];
const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };

/**
 * Takes four pictures of the page, named after `state`, and checks each time that axe-core finds nothing in it and that
 * it does not scroll sideways. What covers the window, such as a dialog, looks odd on a picture of the full page.
 */
export async function inspect(page, state, { fullPage = true } = {}) {
  await mkdir(ARTIFACTS, { recursive: true });
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const [name, size] of Object.entries(SIZES)) {
      await page.setViewportSize(size);
      const where = `${state}-${colorScheme}-${name}`;
      await page.screenshot({ path: join(ARTIFACTS, `${where}.png`), fullPage, animations: 'disabled' });
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= size.width, `${where} is ${width} px wide, in a window of ${size.width} px`);
      await assertAccessible(page, where);
    }
  }
  await page.setViewportSize(SIZES.wide);
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Fails on what axe-core finds, best practices included. */
async function assertAccessible(page, where) {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
  assert.ok(passes.length > 10, `axe-core looked at ${where}`);
  const told = violations.flatMap(({ id, help, nodes }) => nodes.map((n) => `${id}: ${help}\n    ${n.html}\n    ${n.failureSummary}`));
  assert.deepEqual(told, [], `axe-core, ${where}:\n${told.join('\n')}`);
}
