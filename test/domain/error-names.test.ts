import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IntegrityError, RecordConflictError } from '../../src/core.js';
import { EventSourcingError } from '../../src/domain/errors.js';
import manifest from '../../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '../..');

interface ErrorClass {
  readonly code: string;
  new (message: string): Error & { readonly code: string };
}

/** Every public entry that has types, by its source. */
const ENTRIES = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === 'object' && target.types.startsWith('./dist/types/src/')
    ? [{ name, source: target.types.replace('./dist/types/', '').replace('.d.ts', '.ts') }]
    : [],
);

/** Other names of the same classes. */
const ALIASES: readonly string[] = ['RecordConflictError'];

test('a conflict of a record has the name that the Python library once gave it, too', () => {
  expect(RecordConflictError).toBe(IntegrityError);
  expect(new RecordConflictError('Taken.')).toMatchObject({ name: 'IntegrityError', code: 'INTEGRITY_ERROR' });
});

describe('in a minified build', () => {
  // Below the project, so that what is not bundled is found.
  let folder: string;
  const found = new Map<string, ErrorClass>();

  beforeAll(async () => {
    mkdirSync(join(ROOT, '.cache'), { recursive: true });
    folder = mkdtempSync(join(ROOT, '.cache/error-names-'));
    await build({
      input: Object.fromEntries(ENTRIES.map(({ source }, index) => [`entry${index}`, join(ROOT, source)])),
      platform: 'node',
      external: [/^[^./]/],
      logLevel: 'silent',
      output: { dir: folder, format: 'esm', minify: { compress: true, mangle: { toplevel: true, keepNames: false } } },
    });
    for (const index of ENTRIES.keys()) {
      const exported = (await import(pathToFileURL(join(folder, `entry${index}.js`)).href)) as Record<string, unknown>;
      for (const [name, value] of Object.entries(exported)) {
        if (isErrorClass(value) && !ALIASES.includes(name)) found.set(name, value);
      }
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('the names of classes are gone: the test would prove nothing else', () => {
    expect([...found.values()].filter(({ name }) => name.length > 3)).toEqual([]);
  });

  test('every public error is called what the documentation calls it', () => {
    expect(found.size).toBeGreaterThan(55);
    const called = [...found].map(([name, ErrorClass]) => [name, new ErrorClass('Tried.').name]);
    expect(Object.fromEntries(called)).toEqual(Object.fromEntries([...found.keys()].map((name) => [name, name])));
  });

  test('every public error has a code of its own', () => {
    expect([...found].filter(([, ErrorClass]) => !Object.hasOwn(ErrorClass, 'code'))).toEqual([]);
    const codes = [...found.values()].map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });
});

test("an application's own error is called after its code, or else after its class", () => {
  class OutOfStock extends EventSourcingError {
    static override readonly code: string = 'OUT_OF_STOCK';
  }
  class SoldOut extends OutOfStock {}
  expect(new OutOfStock('No more.').name).toBe('OutOfStockError');
  expect(new SoldOut('No more.')).toMatchObject({ name: 'SoldOut', code: 'OUT_OF_STOCK' });
});

function isErrorClass(value: unknown): value is ErrorClass & { readonly name: string } {
  return typeof value === 'function' && value.prototype instanceof Error && 'code' in value;
}
