//! The distribution's Chromium, and visitors in it. A visitor has cookies and storage of his own, and complains about
//! every error that a page logs or throws, violations of the content security policy included.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { PATIENCE } from './eventually.js';

/** What tests leave behind to be looked at. */
export const ARTIFACTS = fileURLToPath(new URL('../artifacts/', import.meta.url));

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** For a container without a display, a sandbox or the network. The profile folder is a new one. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let running;

function browser() {
  running ??= chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: PATIENCE });
  return running;
}

after(async () => (await running)?.close());

/**
 * A test with a visitor, who has no complaints at its end. `options` are those of a browser context, and `expected`:
 * errors that the test provokes, as regular expressions.
 */
export function visit(name, options, body) {
  if (body === undefined) return visit(name, {}, options);
  test(name, async (t) => {
    const visitor = await startVisitor(options);
    try {
      await body(visitor, t);
      visitor.assertContent();
    } catch (error) {
      await visitor.keepPicture(name);
      throw error;
    } finally {
      await visitor.context.close();
    }
  });
}

/** Starts a visitor outside [`visit`], for a second person in a test. Close his `context`. */
export async function startVisitor({ expected = [], ...options } = {}) {
  const context = await (await browser()).newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const complaints = [];
  context.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    const text = `${message.text()} (${message.location().url})`;
    if (!expected.some((pattern) => pattern.test(text))) complaints.push(`${message.type()}: ${text}`);
  });
  context.on('weberror', (failure) => complaints.push(`thrown: ${failure.error().stack}`));
  const page = await context.newPage();
  return {
    context,
    page,
    complaints,
    assertContent() {
      if (complaints.length > 0) throw new Error(`the pages complained:\n${complaints.join('\n')}`);
    },
    async keepPicture(name) {
      const path = join(ARTIFACTS, 'failures', `${name.replace(/[^a-z0-9]+/gi, '-')}.png`);
      await mkdir(join(ARTIFACTS, 'failures'), { recursive: true });
      // The last page is the one that is waited for, such as a pop-up. It may be gone.
      await context.pages().at(-1)?.screenshot({ path }).catch(() => {});
    },
  };
}

/** What Chromium itself logs for an answer with this status; no script can prevent it. */
export function answered(status) {
  return new RegExp(`Failed to load resource: the server responded with a status of ${status}`);
}
