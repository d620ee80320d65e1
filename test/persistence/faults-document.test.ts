import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const DOCUMENT = readFileSync(join(ROOT, 'docs/faults.md'), 'utf8');
const FILES = globSync(['test/**/*.{test,spec}.ts', 'src/testing/conformance/*.ts'], { cwd: ROOT });
const SOURCES = FILES.map((file) => readFileSync(join(ROOT, file), 'utf8'));
/** What a cell says in this order: a file, or what stands for several, then names of its tests. */
const TOKEN = /`([^`]+)`|"([^"]+)"/g;

/** Where a file is that is named as the document names it; `undefined` when it is none. */
function placeOf(path: string): string | undefined {
  if (!/\.(?:test|spec)\.ts$/.test(path)) return undefined;
  return [path, `test/${path}`, `test/server/${path}`, `test/sync/${path}`].find((at) => existsSync(join(ROOT, at)));
}

test('every test file that the table of faults names is there', () => {
  const named = [...DOCUMENT.matchAll(/`([\w/-]+\.(?:test|spec)\.ts)`/g)].map(([, path]) => path!);
  expect(named.length).toBeGreaterThan(20);
  for (const path of named) expect(placeOf(path), path).toBeDefined();
});

test('every test that it names is there, in the file that is named before it', () => {
  const cells = DOCUMENT.split('\n')
    .filter((line) => line.startsWith('| '))
    .map((row) => row.split('|').at(-2) ?? '');
  const found: string[] = [];
  for (const cell of cells) {
    let sources = SOURCES;
    for (const [, file, name] of cell.matchAll(TOKEN)) {
      if (name === undefined) {
        const place = placeOf(file ?? '');
        sources = place === undefined ? SOURCES : [readFileSync(join(ROOT, place), 'utf8')];
        continue;
      }
      const parts = name.split('…').map((part) => part.trim());
      expect(
        sources.some((source) => parts.every((part) => source.includes(part))),
        `"${name}" in ${cell}`,
      ).toBe(true);
      found.push(name);
    }
  }
  expect(found.length).toBeGreaterThan(100);
});
