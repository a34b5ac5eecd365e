//! A configuration folder of a test's own: the scenario's, changed.

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Copies `config/` and replaces text in its `policy.xml`, from each key of `changes` to its value. The text must be there.
 */
export async function configuration(changes = {}) {
  const path = await mkdtemp(join(tmpdir(), 'weir-config-'));
  await cp(join(ROOT, 'config'), path, { recursive: true });
  const file = join(path, 'policy.xml');
  let policy = await readFile(file, 'utf8');
  for (const [from, to] of Object.entries(changes)) {
    if (!policy.includes(from)) throw new Error(`policy.xml does not contain ${from}`);
    policy = policy.replace(from, to);
  }
  await writeFile(file, policy);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
