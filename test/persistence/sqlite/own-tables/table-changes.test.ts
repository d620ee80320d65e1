import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeTableChanges,
  encodeTableChanges,
  joinTableChanges,
} from '../../../../src/persistence/sqlite/own-tables/table-changes.js';
import type { ExactValue, TableChange } from '../../../../src/persistence/sqlite/own-tables/table-changes.js';

const bytes = fc.uint8Array({ maxLength: 6 });
const value: fc.Arbitrary<ExactValue> = fc.oneof(
  fc.constant<ExactValue>({ type: 'null' }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((made): ExactValue => ({ type: 'integer', value: made })),
  fc
    .constantFrom(0n, -1n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), -(2n ** 53n) - 1n)
    .map((made): ExactValue => ({ type: 'integer', value: made })),
  fc.double({ noNaN: true }).map((made): ExactValue => ({ type: 'real', value: made })),
  fc
    .tuple(fc.constantFrom('text' as const, 'blob' as const), bytes)
    .map(([type, made]): ExactValue => ({ type, value: made })),
);
const name = fc.string({ minLength: 1, unit: 'grapheme' });
const names = fc.array(name, { minLength: 1, maxLength: 3 });
const row = (width: number): fc.Arbitrary<ExactValue[]> => fc.array(value, { minLength: width, maxLength: width });
const rows = fc.tuple(name, names, names).chain(([table, keyColumns, valueColumns]) =>
  fc.record({
    kind: fc.constant('rows' as const),
    table: fc.constant(table),
    keyColumns: fc.constant(keyColumns),
    valueColumns: fc.constant(valueColumns),
    gone: fc.array(row(keyColumns.length), { maxLength: 3 }),
    rows: fc.array(row(keyColumns.length + valueColumns.length), { maxLength: 3 }),
  }),
);
const change: fc.Arbitrary<TableChange> = fc.oneof(
  rows,
  fc.record({ kind: fc.constant('schema' as const), sql: name }),
  fc.record({ kind: fc.constant('sequence' as const), table: name, value }),
);

describe('changes of own tables', () => {
  test('come back as they were written, in one part or several', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 3 }), (parts) => {
        const written = joinTableChanges(parts.map(encodeTableChanges));
        expect(copied(decodeTableChanges(written))).toEqual(parts.flat());
      }),
    );
  });

  test('any bytes give changes, a DataError, or are of a newer version', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (some, isVersion1) => {
        try {
          decodeTableChanges(isVersion1 ? Uint8Array.of(1, ...some) : some);
        } catch (error) {
          expect((error as { code?: string }).code).toBe(
            !isVersion1 && (some[0] ?? 0) > 1 ? 'NOT_SUPPORTED' : 'DATA_ERROR',
          );
        }
      }),
    );
  });

  test('the bytes do not change', () => {
    const written = encodeTableChanges([
      { kind: 'schema', sql: 'CREATE TABLE a (b)' },
      {
        kind: 'rows',
        table: 'a',
        keyColumns: ['rowid'],
        valueColumns: ['b'],
        gone: [[{ type: 'integer', value: -2n }]],
        rows: [
          [
            { type: 'integer', value: 300n },
            { type: 'real', value: 1 },
          ],
          [
            { type: 'integer', value: 2n ** 62n },
            { type: 'text', value: Uint8Array.of(120) },
          ],
        ],
      },
      { kind: 'sequence', table: 'a', value: { type: 'null' } },
    ]);
    expect(Buffer.from(joinTableChanges([written])).toString('hex')).toBe(
      '010112435245415445205441424c452061202862290201610105726f7769640101620102010201ac0204000000000000f03f' +
        '03000000000000004005017803016100',
    );
  });
});

/** Views into the bytes as bytes of their own. */
function copied(changes: readonly TableChange[]): TableChange[] {
  const copy = (exact: ExactValue): ExactValue =>
    exact.type === 'text' || exact.type === 'blob' ? { type: exact.type, value: new Uint8Array(exact.value) } : exact;
  return changes.map((one) => {
    if (one.kind === 'rows')
      return { ...one, gone: one.gone.map((key) => key.map(copy)), rows: one.rows.map((all) => all.map(copy)) };
    return one.kind === 'sequence' ? { ...one, value: copy(one.value) } : one;
  });
}
