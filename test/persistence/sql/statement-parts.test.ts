import { expect, test } from 'vitest';
import { SQLITE_DIALECT } from '../../../src/persistence/sql/sql-dialect.js';
import { statementParts } from '../../../src/persistence/sql/sql-parameters.js';

function sizes(parametersMax: number | undefined, rows: number, size: Parameters<typeof statementParts>[2]): number[] {
  const parts = statementParts({ ...SQLITE_DIALECT, parametersMax }, Array.from({ length: rows }), size);
  return [...parts].map((part) => part.length);
}

test('rows go in parts that one statement takes, and none is left out', () => {
  expect(sizes(undefined, 0, { rowsMax: 500, columns: 9 })).toEqual([]);
  expect(sizes(undefined, 501, { rowsMax: 500, columns: 9 })).toEqual([500, 1]);
  expect(sizes(undefined, 5_000, { rowsMax: 5_000, columns: 9 })).toEqual([3_640, 1_360]);
  expect(sizes(100, 23, { rowsMax: 500, columns: 9 })).toEqual([11, 11, 1]);
  expect(sizes(100, 99, { rowsMax: 1_000, columns: 1, others: 2 })).toEqual([98, 1]);
});

test('one row always goes, whatever the engine takes', () => {
  expect(sizes(5, 2, { rowsMax: 500, columns: 9 })).toEqual([1, 1]);
});
