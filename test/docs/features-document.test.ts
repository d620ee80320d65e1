/**
 * What `docs/features.md` says is there: its files, and the tests that show it.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const ROWS = 174;
const NOTHING = '–';
const NOT_AT_ALL = 'all of it';

interface Row {
  readonly number: number;
  readonly what: string;
  readonly where: readonly string[];
  /** Files of tests, each with the beginnings of names in it. */
  readonly shownBy: readonly { readonly file: string; readonly names: readonly string[] }[];
  readonly lacks: string;
}

const rows = read('docs/features.md')
  .split('\n')
  .filter((line) => /^\| \d/.test(line))
  .map(rowOf);

describe('the table of features', () => {
  test('has each row, once, in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: ROWS }, (_, index) => index + 1));
  });

  test('says of each row where it is and what shows it, or that it is not there', () => {
    const unclear = rows.filter(({ where, shownBy, lacks }) => {
      const isNamed = where.length > 0 && shownBy.length > 0;
      return lacks === NOT_AT_ALL ? where.length + shownBy.length > 0 : !isNamed;
    });
    expect(unclear).toEqual([]);
  });

  test('names files that are there', () => {
    const files = rows.flatMap(({ where, shownBy }) => [...where, ...shownBy.map(({ file }) => file)]);
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });

  test('names tests that are there', () => {
    const missing = rows.flatMap(({ number, shownBy }) =>
      shownBy.flatMap(({ file, names }) => names.filter((name) => !isTestOf(file, name)).map((name) => [number, name])),
    );
    expect(missing).toEqual([]);
  });

  test('is looked at: what is not there would be found', () => {
    const row = rowOf('| 7 | Anything | `src/no-such-file.ts` | `test/docs/a.test.ts` "one", "two"; `b.ts` | some |');
    expect(row).toEqual({
      ...{ number: 7, what: 'Anything', where: ['src/no-such-file.ts'], lacks: 'some' },
      shownBy: [
        { file: 'test/docs/a.test.ts', names: ['one', 'two'] },
        { file: 'b.ts', names: [] },
      ],
    });
    expect(isTestOf('test/docs/references.test.ts', 'link to what')).toBe(true);
    expect(isTestOf('test/docs/references.test.ts', 'to what is there')).toBe(false);
  });
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function rowOf(line: string): Row {
  const [, number = '', what = '', where = '', shownBy = '', lacks = ''] = line.split('|').map((cell) => cell.trim());
  return {
    ...{ number: Number(number), what, lacks },
    where: where === NOTHING ? [] : [...where.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
    shownBy: [...shownBy.matchAll(/`([^`]+)`((?:,? "[^"]+")*)/g)].map(([, file = '', names = '']) => ({
      file,
      names: [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name),
    })),
  };
}

/** Whether a name, or what it begins with, stands in a file as a text of its own. */
function isTestOf(file: string, name: string): boolean {
  const source = read(file);
  return ["'", '"', '`'].some((quote) => source.includes(quote + name));
}
