/** Every suite of a recorder, in an object. */
import { openObjectRecorder } from '../../../src/persistence/durable-object/object-recorder.js';
import { objectSqlite } from '../../../src/persistence/durable-object/object-sqlite.js';
import { SqliteAggregateRecorder, SqliteApplicationRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import type { SqlQueryable } from '../../../src/persistence/sql/sql-queryable.js';
import { aggregateRecorderCases } from '../../../src/testing/conformance/aggregate-recorder-cases.js';
import { applicationRecorderCases } from '../../../src/testing/conformance/application-recorder-cases.js';
import { emptyLogCases } from '../../../src/testing/conformance/empty-log-cases.js';
import { processRecorderCases } from '../../../src/testing/conformance/process-recorder-cases.js';
import { signalCases } from '../../../src/testing/conformance/signal-cases.js';
import { sqlRecorderCases } from '../../../src/testing/conformance/sql-recorder-cases.js';
import { transactionCases } from '../../../src/testing/conformance/transaction-cases.js';
import { describeConformance } from '../../support/run-conformance.js';
import { ENGINE, newName, newObject, openEmptyRecorder } from '../support/object-context.js';

const aggregate = { 'aggregate recorder': aggregateRecorderCases };
const application = { ...aggregate, 'application recorder': applicationRecorderCases };

const ofAggregates = newObject();
describeConformance(
  ENGINE,
  async () => ({
    context: { recorder: await createdRecorder(new SqliteAggregateRecorder(objectSqlite(ofAggregates.storage))) },
  }),
  aggregate,
  { variant: 'aggregate recorder', within: ofAggregates.within },
);

const ofApplications = newObject();
describeConformance(
  ENGINE,
  async () => ({
    context: { recorder: await createdRecorder(new SqliteApplicationRecorder(objectSqlite(ofApplications.storage))) },
  }),
  application,
  { variant: 'application recorder', within: ofApplications.within },
);

const place = newObject();
describeConformance(
  ENGINE,
  async () => {
    const recorder = await openObjectRecorder(place.storage);
    const table = newName();
    return {
      context: {
        recorder,
        async setUpOwnTable() {
          await recorder.query(`CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY, value TEXT)`);
        },
        async insertOwnRow(connection: SqlQueryable, value: string) {
          await connection.query(`INSERT INTO ${table} (value) VALUES ($1)`, [value]);
        },
        async ownRows() {
          const { rows } = await recorder.query(`SELECT value FROM ${table} ORDER BY id`);
          return rows.map(({ value }) => value as string);
        },
      },
    };
  },
  {
    ...application,
    'process recorder': processRecorderCases,
    transactions: transactionCases,
    signals: signalCases,
    'SQL recorder': sqlRecorderCases,
  },
  { variant: 'process recorder', within: place.within },
);

const empty = newObject();
describeConformance(
  ENGINE,
  async () =>
    Promise.resolve({
      context: {
        openEmpty: async () => ({ recorder: await openEmptyRecorder(empty), close: () => Promise.resolve() }),
      },
    }),
  { 'empty log': emptyLogCases },
  { variant: 'empty', within: empty.within },
);

async function createdRecorder<R extends { createTable(): Promise<void> }>(recorder: R): Promise<R> {
  await recorder.createTable();
  return recorder;
}
