//! A real Redis server on a port of its own.

import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { eventually } from './eventually.js';
import { start } from './process.js';

/** Starts `redis-server`, keeping nothing on disk. Ports race: if another program takes one first, the next is tried. */
export async function startRedis() {
  const directory = await mkdtemp(join(tmpdir(), 'weir-redis-'));
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const port = await freePort();
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', directory];
    const redis = start('redis-server', args);
    await eventually('redis-server answers', async () => redis.hasEnded || (await processId(port)) === redis.pid);
    if (redis.hasEnded) continue;
    const stop = async () => {
      await redis.stop();
      await rm(directory, { recursive: true, force: true });
    };
    return { url: `redis://127.0.0.1:${port}`, stop };
  }
  throw new Error('redis-server does not start: is it installed (apt install redis-server)?');
}

/** The process that answers on `port`, so that another server is not taken for ours. */
function processId(port) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('INFO server\r\n'));
    let answer = '';
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      answer += bytes;
      const match = /process_id:(\d+)/.exec(answer);
      if (match === null) return;
      socket.destroy();
      resolve(Number(match[1]));
    });
  });
}

/** A port that is free now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
