//! The real binary: `weir up` with every role and a real Redis, or one role alone.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { ROOT, configuration } from './configuration.js';
import { eventually } from './eventually.js';
import { assertRunning, start } from './process.js';
import { startRedis } from './redis.js';

/** The program under test. */
export const WEIR = process.env.WEIR_BIN ?? join(ROOT, 'target/debug/weir');

const ROLES = ['gateway', 'limiter', 'backend', 'identity', 'web'];

/**
 * Starts `weir up` on free ports with its counters in a Redis of its own. `policy` are changes to the scenario's policy,
 * as in [`configuration`].
 *
 * Its `app`, `identity` and `gateway` are origins as a browser writes them.
 */
export async function startWeir({ policy, args = [] } = {}) {
  const [redis, config] = await Promise.all([startRedis(), configuration(policy)]);
  const ports = ROLES.flatMap((role) => [`--${role}-listen=127.0.0.1:0`, `--${role}-ops-listen=127.0.0.1:0`]);
  // A machine under load must not look like a limiter or a Redis that is away.
  const patience = ['--limiter-timeout=30s', '--store-timeout=30s'];
  const up = start(WEIR, ['up', '--config', config.path, '--redis', redis.url, ...patience, ...ports, ...args]);
  const stop = async () => {
    await up.stop();
    await Promise.all([redis.stop(), config.remove()]);
  };
  try {
    await eventually('weir up prints its table', () => {
      assertRunning('weir up', up);
      return up.output.includes('Ctrl-C');
    });
    const address = (role, column = 1) => {
      const row = new RegExp(`^\\s*${role}\\s+(http://\\S+)\\s+(http://\\S+)`, 'm').exec(up.output);
      if (row === null) throw new Error(`weir up printed no address of ${role}:\n${up.output}`);
      return row[column];
    };
    const [app, identity, gateway] = [address('web'), address('identity'), address('gateway')];
    return {
      ...{ app, identity, gateway, stop },
      live: `${address('gateway', 2)}/live`,
      hello: `${gateway}/hello`,
      console: `${app}/developer/`,
      signOut: `${identity}/contoso.onmicrosoft.com/b2c_1_frontendapp_signupandsignin/oauth2/v2.0/logout`,
      log: () => up.log,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts `weir ROLE` alone on free ports and waits until it is ready. */
export async function startRole(role, args) {
  const running = start(WEIR, [role, '--listen=127.0.0.1:0', '--ops-listen=127.0.0.1:0', ...args]);
  try {
    const [, url, operations] = await eventually(`weir ${role} prints its address`, () => {
      assertRunning(`weir ${role}`, running);
      return /^\S+ (http:\/\/\S+) operations (http:\/\/\S+)$/m.exec(running.output);
    });
    await eventually(`weir ${role} is ready`, async () => {
      assertRunning(`weir ${role}`, running);
      return (await fetch(`${operations}/readyz`)).ok;
    });
    return { url, operations, log: () => running.log, stop: running.stop };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** An access token from the development identity, without a sign-in. */
export async function tokenOf(user, identity) {
  const { stdout } = await promisify(execFile)(WEIR, ['token', '--user', user, '--identity', identity]);
  return stdout.trim();
}
