/** What docs/faults.md says of a server's homes is what is run in them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOME_CASES, NOT_THERE } from '../support/homes/home-cases.js';
import { HOME_NAMES } from '../support/homes/server-homes.js';

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../docs/faults.md'), 'utf8');

function rowsOf(heading: string): readonly (readonly string[])[] {
  const [, section = ''] = DOCUMENT.split(`\n## ${heading}\n`);
  const rows = section
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test('the table of homes names each case, where it runs, and why not elsewhere', () => {
  const [head, , ...rows] = rowsOf('One server, four homes');
  expect(head).toEqual(['what happens', ...HOME_NAMES]);
  const expected = Object.keys(HOME_CASES).map((title) => {
    const reasons = HOME_NAMES.map((home) => NOT_THERE[title]?.[home]);
    return [title, ...reasons.map((reason) => (reason === undefined ? 'yes' : `no: ${reason}`))];
  });
  expect(rows).toEqual(expected);
  expect(Object.keys(NOT_THERE).filter((title) => HOME_CASES[title] === undefined)).toEqual([]);
});
