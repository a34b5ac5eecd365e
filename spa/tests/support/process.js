//! Programs that end with the test that started them.

import { spawn } from 'node:child_process';

import { Hopeless } from './eventually.js';

/**
 * Starts `program` and gathers what it prints. The kernel kills it if this process ends in any way (`setpriv` is part
 * of util-linux, which every Debian has), so a test that is itself killed leaves nothing behind.
 */
export function start(program, args) {
  // A collector that somebody has configured is not to see the tests.
  const { OTEL_EXPORTER_OTLP_ENDPOINT: _, ...env } = process.env;
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const running = { pid: child.pid, output: '', log: '', hasEnded: false };
  child.stdout.on('data', (text) => (running.output += text));
  child.stderr.on('data', (text) => (running.log += text));
  const ended = new Promise((resolve) => {
    child.on('error', (error) => {
      running.log += `cannot start ${program}: ${error.message}`;
      running.hasEnded = true;
      resolve();
    });
    child.on('exit', () => {
      running.hasEnded = true;
      resolve();
    });
  });
  running.stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return running;
}

/** Fails, with what it logged, if a program has ended that should be running. */
export function assertRunning(name, running) {
  if (running.hasEnded) throw new Hopeless(`${name} ended:\n${running.log}${running.output}`);
}
