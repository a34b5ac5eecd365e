//! Puts a `.br` and a `.gz` beside every file of a folder that gets smaller by it, so that the server compresses nothing
//! while it serves: `node scripts/compress.js dist`.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const COMPRESSIBLE = new Set(['.css', '.html', '.js', '.json', '.svg', '.txt']);

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('say which folder: node scripts/compress.js dist');

const encodings = {
  '.br': (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
  '.gz': (bytes) => promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
};

for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !COMPRESSIBLE.has(extname(entry.name))) continue;
  const path = join(entry.parentPath, entry.name);
  const bytes = await readFile(path);
  for (const [extension, compress] of Object.entries(encodings)) {
    const compressed = await compress(bytes);
    if (compressed.length < bytes.length) await writeFile(path + extension, compressed);
  }
}
