// What applications' bundlers need of a build: literals that they look for, to the letter, and a worker in one file.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importsOf } from './module-imports.mjs';

const WORKER_LITERAL = /new Worker\(new URL\(["']\.\/worker\.js["'], import\.meta\.url\), \{ type: ["']module["'] \}\)/;
const WASM_LITERAL = /new URL\(["']\.\/sql-wasm\.wasm["'], ?import\.meta\.url\)/;

/** @throws when the folder of a build cannot be loaded by an application */
export function assertLoadable(dist) {
  const worker = readFileSync(join(dist, 'worker.js'), 'utf8');
  if (!WORKER_LITERAL.test(readFileSync(join(dist, 'index.js'), 'utf8'))) {
    throw new Error("dist/index.js has lost its literal new Worker(new URL('./worker.js', import.meta.url), …)");
  }
  if (!WASM_LITERAL.test(worker)) {
    throw new Error("dist/worker.js has lost its literal new URL('./sql-wasm.wasm', import.meta.url)");
  }
  const imports = importsOf(worker);
  if (imports.length > 0) throw new Error(`dist/worker.js must be self-contained, but imports ${imports.join(', ')}`);
  if (!existsSync(join(dist, 'sql-wasm.wasm'))) throw new Error('dist/sql-wasm.wasm is missing');
}
