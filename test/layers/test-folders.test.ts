import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** The folders that are not a room of `src/`, and what for. */
const OF_NO_ROOM: Readonly<Record<string, string>> = {
  browser: 'the published build in real browsers',
  conformance: 'the suites that are the same for several engines',
  demo: 'of demo/',
  docs: 'what the documents say',
  e2e: 'the demo and its server, whole',
  examples: 'of examples/',
  guide: 'what the reader of the guide builds',
  interop: 'the real Python library',
  layers: 'the rules of the house',
  model: 'the rules of synchronisation, as a model that runs',
  refusals: 'what each public function refuses',
  runtimes: 'the published build in Deno and Bun',
  simulation: 'devices, servers and people over simulated time, storage and network',
  soak: 'run by hand, and a few rounds of it with the others',
  support: 'what tests share',
  vectors: 'bytes made by the Python library',
  webkit: 'run by hand',
  workerd: 'in the runtime of Cloudflare’s Workers, with what is there in place of the DOM',
};

test('each folder of tests is that of a room, or says what it is for', () => {
  const folders = [...new Set(globSync('test/**/*.test.ts', { cwd: ROOT }).map((path) => path.replaceAll('\\', '/')))]
    .map((path) => path.split('/').slice(1, -1).join('/'))
    .filter((folder) => OF_NO_ROOM[folder.split('/')[0] ?? ''] === undefined);
  expect([...new Set(folders)].filter((folder) => !existsSync(join(ROOT, 'src', folder)))).toEqual([]);
  // What is named above is there, so that the list does not outlive the folders.
  expect(Object.keys(OF_NO_ROOM).filter((folder) => !existsSync(join(ROOT, 'test', folder)))).toEqual([]);
});
