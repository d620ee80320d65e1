import { describe, expect, test } from 'vitest';
import type { SqlQueryable } from '../../../src/persistence/sql/sql-queryable.js';
import { inPlaceholderOrder, toPlainPlaceholders } from '../../../src/persistence/sqlite/sqlite-placeholders.js';
import { processRecorderCases } from '../../../src/testing/conformance/process-recorder-cases.js';
import { sqlRecorderCases } from '../../../src/testing/conformance/sql-recorder-cases.js';
import type { SqlRecorderContext } from '../../../src/testing/conformance/sql-recorder-cases.js';
import { transactionCases } from '../../../src/testing/conformance/transaction-cases.js';
import type { TransactionContext } from '../../../src/testing/conformance/transaction-cases.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

for (const [name, open] of Object.entries(SQL_RECORDERS)) {
  describeConformance<TransactionContext<SqlQueryable> & SqlRecorderContext>(
    name,
    async () => {
      const { recorder, close } = await open();
      const table = uniqueName();
      const id = recorder.dialect.name === 'postgres' ? 'BIGSERIAL PRIMARY KEY' : 'INTEGER PRIMARY KEY';
      return {
        context: {
          recorder,
          setUpOwnTable: async () => {
            await recorder.transaction(async ({ connection }) => {
              await connection.query(`CREATE TABLE IF NOT EXISTS ${table} (id ${id}, value TEXT)`);
            });
          },
          insertOwnRow: async (connection, value) => {
            await connection.query(`INSERT INTO ${table} (value) VALUES ($1)`, [value]);
          },
          ownRows: async () => {
            const { rows } = await recorder.query(`SELECT value FROM ${table} ORDER BY id`);
            return rows.map((row) => row['value'] as string);
          },
        },
        close,
      };
    },
    { 'process recorder': processRecorderCases, transactions: transactionCases, 'SQL recorder': sqlRecorderCases },
    { variant: 'with SQL beside it' },
  );

  describe(`${name}: SQL`, () => {
    test('values go in by their numbers and come back', async () => {
      const { recorder, close } = await open();
      const { rows } = await recorder.query(
        'SELECT CAST($2 AS TEXT) AS second, CAST($1 AS TEXT) AS first, CAST($2 AS TEXT) AS again, CAST($3 AS TEXT) AS none',
        ['1', '$2', null],
      );
      expect(rows).toEqual([{ second: '$2', first: '1', again: '$2', none: null }]);
      expect((await recorder.query('SELECT 1 AS one WHERE 1 = $1', [2])).rows).toEqual([]);
      await close();
    });

    test('errors are Daybook’s, and an inner transaction keeps the outer one usable', async () => {
      const { recorder, close } = await open();
      const table = uniqueName();
      const codes: unknown[] = [];
      await recorder.transaction(async (transaction) => {
        await transaction.connection.query(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY)`);
        const inner = transaction.transaction(async ({ connection }) => {
          await connection.query(`INSERT INTO ${table} (id) VALUES ($1)`, [1]);
          await connection.query(`INSERT INTO ${table} (id) VALUES ($1)`, [1]);
        });
        await inner.catch((error: unknown) => codes.push((error as { code?: unknown }).code));
        await transaction.connection.query(`INSERT INTO ${table} (id) VALUES ($1)`, [2]);
      });
      expect(codes).toEqual(['INTEGRITY_ERROR']);
      expect((await recorder.query(`SELECT id FROM ${table}`)).rows).toEqual([{ id: 2 }]);
      await expect(recorder.query('SELECT * FROM there_is_none')).rejects.toMatchObject({
        cause: expect.anything() as unknown,
      });
      await close();
    });
  });
}

describe('numbered parameters on SQLite', () => {
  test.each([
    ['SELECT $1, $2', 'SELECT ?, ?', [0, 1]],
    ['SELECT $2, $1, $2', 'SELECT ?, ?, ?', [1, 0, 1]],
    ['SELECT $10+$1', 'SELECT ?+?', [9, 0]],
    [`SELECT '$1', 'it''s $2', "a$1", "q""$1", [b$1], \`c$1\`, $1`, undefined, [0]],
    ['SELECT $1 -- not $2\n, $2', 'SELECT ? -- not $2\n, ?', [0, 1]],
    ['SELECT /* $1\n $2 */ $1', 'SELECT /* $1\n $2 */ ?', [0]],
    ['SELECT a$1, _b$2c, é$1 FROM t', 'SELECT a$1, _b$2c, é$1 FROM t', []],
    ["SELECT 'open $1", "SELECT 'open $1", []],
  ])('%s', (text, expected, order) => {
    const numbered = toPlainPlaceholders(text);
    expect(numbered).toEqual({ sql: expected ?? text.replace(/\$1$/, '?'), order });
  });

  test('every parameter has a value, and every value a parameter', () => {
    expect(inPlaceholderOrder([1, 0, 1], ['a', 'b'])).toEqual(['b', 'a', 'b']);
    for (const [order, values] of [
      [[0], []],
      [[], ['a']],
      [[1], ['a']],
      [[-1], []],
    ] as const) {
      expect(() => inPlaceholderOrder(order, values)).toThrow(
        expect.objectContaining({ code: 'PROGRAMMING_ERROR' }) as Error,
      );
    }
  });
});
