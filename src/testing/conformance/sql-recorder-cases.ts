/**
 * What every SQL recorder promises beside what every transactional recorder does.
 *
 * @module
 */
import { DatabaseError } from '../../persistence/errors.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { expectEqual, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';

/** The recorder under test. Its database may hold whatever else. */
export interface SqlRecorderContext {
  readonly recorder: SqlRecorder;
}

type Case = ConformanceCase<SqlRecorderContext>;

const sqlIsDeclared: Case = {
  name: 'it declares that it has SQL, and which',
  async run({ recorder }) {
    expectEqual(recorder.supports?.sql, true, 'supports.sql');
    expectTrue(['sqlite', 'postgres'].includes(recorder.dialect.name), 'the dialect has a name that is known');
  },
};

const valuesGoInByTheirNumbers: Case = {
  name: 'values go in by their numbers, and come back by the names of columns',
  async run({ recorder }) {
    const { rows } = await recorder.query(
      'SELECT CAST($2 AS TEXT) AS second, CAST($1 AS TEXT) AS first, CAST($2 AS TEXT) AS again, CAST($3 AS TEXT) AS none',
      ['1', '$2', null],
    );
    expectEqual(rows, [{ second: '$2', first: '1', again: '$2', none: null }], 'the row');
    expectEqual((await recorder.query('SELECT 1 AS one WHERE 1 = $1', [2])).rows, [], 'no rows');
  },
};

const bytesComeBack: Case = {
  name: 'bytes go in and come back',
  async run({ recorder }) {
    const table = newTableName();
    const bytes = recorder.dialect.types?.bytes ?? 'BLOB';
    const written = new Uint8Array([0, 1, 127, 128, 255]);
    const read = await recorder.transaction(async ({ connection }) => {
      await connection.query(`CREATE TABLE ${table} (value ${bytes})`);
      await connection.query(`INSERT INTO ${table} (value) VALUES ($1)`, [written]);
      return (await connection.query(`SELECT value FROM ${table}`)).rows[0]?.['value'];
    });
    expectEqual([...(read as Uint8Array)], [...written], 'the bytes');
  },
};

const queryReadsWhatIsCommitted: Case = {
  name: 'a transaction reads its own SQL, and afterwards everybody does',
  async run({ recorder }) {
    const table = newTableName();
    const within = await recorder.transaction(async ({ connection }) => {
      await connection.query(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY)`);
      await connection.query(`INSERT INTO ${table} (id) VALUES ($1)`, [7]);
      return (await connection.query(`SELECT id FROM ${table}`)).rows;
    });
    expectEqual(within, [{ id: 7 }], 'within');
    expectEqual((await recorder.query(`SELECT id FROM ${table}`)).rows, [{ id: 7 }], 'afterwards');
  },
};

const innerFailureLeavesTheOuterUsable: Case = {
  name: 'an inner transaction whose SQL fails leaves the outer one usable',
  async run({ recorder }) {
    const table = newTableName();
    const failure = await recorder.transaction(async (transaction) => {
      await transaction.connection.query(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY)`);
      const inner = transaction.transaction(async ({ connection }) => {
        await connection.query(`INSERT INTO ${table} (id) VALUES ($1)`, [1]);
        await connection.query(`INSERT INTO ${table} (id) VALUES ($1)`, [1]);
      });
      const error = await thrownBy(inner);
      await transaction.connection.query(`INSERT INTO ${table} (id) VALUES ($1)`, [2]);
      return error;
    });
    expectEqual((failure as { code?: unknown } | undefined)?.code, 'INTEGRITY_ERROR', 'what the inner one threw');
    expectEqual((await recorder.query(`SELECT id FROM ${table}`)).rows, [{ id: 2 }], 'what is committed');
  },
};

const innerEndsWithItsWork: Case = {
  name: 'the SQL of an inner transaction that has ended is refused, and is none of the outer one',
  async run({ recorder }) {
    const table = newTableName();
    const codes = await recorder.transaction(async (transaction) => {
      await transaction.connection.query(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY)`);
      const lent: SqlQueryable[] = [];
      await transaction.transaction(async ({ connection }) => void lent.push(connection));
      const failing = transaction.transaction(async ({ connection }) => {
        lent.push(connection);
        throw new RangeError('the work failed');
      });
      await thrownBy(failing);
      const late = lent.map((connection) =>
        thrownBy((async () => await connection.query(`INSERT INTO ${table} (id) VALUES ($1)`, [1]))()),
      );
      return (await Promise.all(late)).map((error) => (error as { code?: unknown } | undefined)?.code);
    });
    expectEqual(codes, ['INTERFACE_ERROR', 'INTERFACE_ERROR'], 'after a commit, and after a roll back');
    expectEqual((await recorder.query(`SELECT id FROM ${table}`)).rows, [], 'what is committed');
  },
};

const refusalsAreTyped: Case = {
  name: 'what the engine refuses is an error of ours, in a transaction and outside',
  async run({ recorder }) {
    const wrong = 'SELECT * FROM there_is_no_such_table';
    expectTrue((await thrownBy(recorder.query(wrong))) instanceof DatabaseError, 'outside');
    const within = recorder.transaction(({ connection }) => connection.query(wrong));
    expectTrue((await thrownBy(within)) instanceof DatabaseError, 'in a transaction');
  },
};

const transactionsSayWhatTheyAre: Case = {
  name: 'its transactions declare that they have transactions',
  async run({ recorder }) {
    expectEqual(recorder.supports?.transactions, true, 'the recorder');
    const [first, second] = await recorder.transaction((outer) =>
      outer.transaction(async (inner) => [outer.supports?.transactions, inner.supports?.transactions] as const),
    );
    expectEqual([first, second], [true, true], 'a transaction, and one within it');
  },
};

const eventsAndSqlReadEachOther: Case = {
  name: 'SQL and events of one transaction are committed together',
  async run({ recorder }) {
    const [table, id] = [newTableName(), newOriginatorId()];
    await recorder.transaction(async ({ connection }) => {
      await connection.query(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY)`);
    });
    const refused = recorder.transaction(async (transaction) => {
      await transaction.connection.query(`INSERT INTO ${table} (id) VALUES (1)`);
      await transaction.insertEvents([sampleEvent(id, 1)]);
      throw new Error('refused');
    });
    expectEqual(((await thrownBy(refused)) as Error).message, 'refused', 'the reason');
    expectEqual((await recorder.query(`SELECT id FROM ${table}`)).rows, [], 'rows');
    expectEqual(await recorder.selectEvents(id), [], 'events');
  },
};

/** The suite for `SqlRecorder`; run `transactionCases` and those before it as well. */
export const sqlRecorderCases: readonly Case[] = [
  sqlIsDeclared,
  transactionsSayWhatTheyAre,
  valuesGoInByTheirNumbers,
  bytesComeBack,
  queryReadsWhatIsCommitted,
  innerFailureLeavesTheOuterUsable,
  innerEndsWithItsWork,
  refusalsAreTyped,
  eventsAndSqlReadEachOther,
];

async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

function newTableName(): string {
  return `own_${newOriginatorId().replaceAll('-', '')}`;
}
