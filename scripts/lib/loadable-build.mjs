// What applications' bundlers need of a build: literals that they look for, to the letter, and each worker in one file.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importsOf } from './module-imports.mjs';

const WORKERS = ['worker.js', 'backup-worker.js'];
const PART_LITERAL = /new URL\(["']\.\/rescue-part\.js["'], ?import\.meta\.url\)/;
const WASM_LITERAL = /new URL\(["']\.\/sql-wasm\.wasm["'], ?import\.meta\.url\)/;

/** @throws when the folder of a build cannot be loaded by an application */
export function assertLoadable(dist) {
  const index = readFileSync(join(dist, 'index.js'), 'utf8');
  for (const file of WORKERS) {
    if (!workerLiteral(file).test(index)) {
      throw new Error(`dist/index.js has lost its literal new Worker(new URL('./${file}', import.meta.url), …)`);
    }
    assertWorkerLoadable(file, readFileSync(join(dist, file), 'utf8'));
  }
  if (!PART_LITERAL.test(readFileSync(join(dist, 'worker.js'), 'utf8'))) {
    throw new Error("dist/worker.js has lost its literal new URL('./rescue-part.js', import.meta.url)");
  }
  assertSelfContained('rescue-part.js', readFileSync(join(dist, 'rescue-part.js'), 'utf8'));
  if (!existsSync(join(dist, 'sql-wasm.wasm'))) throw new Error('dist/sql-wasm.wasm is missing');
}

function assertWorkerLoadable(file, code) {
  if (!WASM_LITERAL.test(code)) {
    throw new Error(`dist/${file} has lost its literal new URL('./sql-wasm.wasm', import.meta.url)`);
  }
  assertSelfContained(file, code);
}

function assertSelfContained(file, code) {
  const imports = importsOf(code);
  if (imports.length > 0) throw new Error(`dist/${file} must be self-contained, but imports ${imports.join(', ')}`);
}

function workerLiteral(file) {
  return new RegExp(
    `new Worker\\(new URL\\(["']\\./${RegExp.escape(file)}["'], import\\.meta\\.url\\), \\{ type: ["']module["'] \\}\\)`,
  );
}
