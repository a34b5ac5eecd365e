//! The page that `weir loadtest --html` writes: opens from a file without a complaint, for everybody, on any screen.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { visit } from '../support/browser.js';
import { inspect } from '../support/looks.js';
import { WEIR, startWeir } from '../support/weir.js';

let weir;
let folder;
before(async () => {
  [weir, folder] = await Promise.all([startWeir(), mkdtemp(join(tmpdir(), 'weir-report-'))]);
});
after(async () => {
  await weir?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a short load and gives the page's URL. `status` is the exit status that is expected. */
async function report(name, verify, status) {
  const page = join(folder, `${name}.html`);
  const load = ['--stage', '20:2s:1s', '--stage', '40:4s', '--users', '6', '--patience', '60s', '--timeout', '60s'];
  const args = ['loadtest', weir.hello, ...load, '--identity', weir.identity, '--quiet', '--html', page];
  const { OTEL_EXPORTER_OTLP_ENDPOINT: _, ...env } = process.env;
  const ended = await promisify(execFile)(WEIR, [...args, ...verify.flatMap((limit) => ['--verify', limit])], { env }).catch((e) => e);
  assert.equal(ended.code ?? 0, status, ended.stderr);
  return pathToFileURL(page).href;
}

const ADDRESS = 'calls=300,period=120s,key=ip';

visit('the report of limits that hold', {}, async ({ page }) => {
  const requests = [];
  page.on('request', (request) => requests.push(request.url()));
  const url = await report('held', [ADDRESS, 'calls=15,period=60s,key=sub'], 0);
  await page.goto(url);
  await page.getByText('Limits held').waitFor();
  assert.deepEqual(requests.filter((request) => request !== url && !request.startsWith('data:')), [], 'it loads nothing else');
  // Every chart has a name and a description, and a table beside it.
  for (const name of ['Requests per second by status', 'Latency over time', 'Admitted in the fullest window of 60 s']) {
    await page.getByRole('img', { name }).waitFor();
  }
  await page.getByText('Table: keys, the fullest first').last().click();
  assert.equal(await page.getByRole('cell', { name: '15 of 15' }).count(), 6, 'six users have filled their limit');
  await inspect(page, 'loadtest-report');
});

visit('the report of a limit that does not hold', {}, async ({ page }) => {
  await page.goto(await report('broken', [ADDRESS, 'calls=5,period=60s,key=sub'], 1));
  await page.getByText('Limit broken').waitFor();
  await inspect(page, 'loadtest-report-broken');
});
