import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const DOCUMENT = readFileSync(join(ROOT, 'docs/faults.md'), 'utf8');
const FILES = globSync(['test/**/*.{test,spec}.ts', 'src/testing/conformance/*.ts'], { cwd: ROOT });
const SOURCES = FILES.map((file) => readFileSync(join(ROOT, file), 'utf8'));

test('every test file that the table of faults names is there', () => {
  const named = [...DOCUMENT.matchAll(/`([\w/-]+\.(?:test|spec)\.ts)`/g)].map(([, path]) => path!);
  expect(named.length).toBeGreaterThan(20);
  for (const path of named)
    expect(
      [path, `test/${path}`, `test/server/${path}`, `test/sync/${path}`].some((at) => existsSync(join(ROOT, at))),
      path,
    ).toBe(true);
});

test('every test that it names is there', () => {
  const rows = DOCUMENT.split('\n').filter((line) => line.startsWith('| '));
  const named = rows.flatMap((row) =>
    [...(row.split('|').at(-2) ?? '').matchAll(/"([^"]+)"/g)].map(([, name]) => name!),
  );
  expect(named.length).toBeGreaterThan(40);
  for (const name of named) {
    const parts = name.split('…').map((part) => part.trim());
    expect(
      SOURCES.some((source) => parts.every((part) => source.includes(part))),
      name,
    ).toBe(true);
  }
});
