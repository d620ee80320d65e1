import { openDaybook } from 'daybook';
import type { SqlQueryable } from 'daybook';
import { openStore } from 'daybook/host';
import { openSqlJs, SqliteAggregateRecorder, SqliteApplicationRecorder, SqliteProcessRecorder } from 'daybook/sqlite';
import type { SqliteDatabase } from 'daybook/sqlite';
import {
  aggregateRecorderCases,
  applicationRecorderCases,
  emptyLogCases,
  processRecorderCases,
  signalCases,
  sqlRecorderCases,
  subscriptionCases,
  transactionCases,
  unitDecisionCases,
  unitRetryCases,
  bootstrapCases,
  unitRecorderCases,
} from 'daybook/testing';
import type { SqlRecorderContext, SubscriptionContext, TransactionContext, UnitRecorderContext } from 'daybook/testing';
import { describeConformance } from '../support/run-conformance.js';
import { newStoreName } from './open-store.js';

// The file as it is published; the worker finds it by itself, sql.js in a page must be told.
const wasmUrl = new URL('../../dist/sql-wasm.wasm', import.meta.url).href;
const PAGE = 'SQLite on sql.js in the page';
const aggregate = { 'aggregate recorder': aggregateRecorderCases };
const application = { ...aggregate, 'application recorder': applicationRecorderCases };
const process = { ...application, 'process recorder': processRecorderCases };

describeConformance(PAGE, () => openInPage((database) => new SqliteAggregateRecorder(database)), aggregate, {
  variant: 'aggregate recorder',
});

describeConformance(PAGE, () => openInPage((database) => new SqliteApplicationRecorder(database)), application, {
  variant: 'application recorder',
});

describeConformance(
  PAGE,
  async () => {
    const { context, database, close } = await openInPage((opened) => new SqliteProcessRecorder(opened));
    return { context: { ...context, ...ownTable(database) }, close };
  },
  { ...process, transactions: transactionCases, signals: signalCases, 'SQL recorder': sqlRecorderCases },
  { variant: 'process recorder' },
);

describeConformance(
  'the durable store in its worker, through Comlink',
  async () => {
    const daybook = await openDaybook({ name: newStoreName() });
    const context: TransactionContext<SqlQueryable> & SqlRecorderContext & SubscriptionContext & UnitRecorderContext = {
      recorder: daybook.recorder,
      setUpOwnTable: () =>
        daybook.recorder.transaction(async ({ connection }) => {
          await connection.query('CREATE TABLE IF NOT EXISTS own (value TEXT NOT NULL)');
        }),
      async insertOwnRow(connection, value) {
        await connection.query('INSERT INTO own (value) VALUES ($1)', [value]);
      },
      async ownRows() {
        const { rows } = await daybook.query('SELECT value FROM own ORDER BY rowid');
        return rows.map(({ value }) => value as string);
      },
    };
    return { context, close: () => daybook.close() };
  },
  {
    ...process,
    subscriptions: subscriptionCases,
    transactions: transactionCases,
    signals: signalCases,
    'SQL recorder': sqlRecorderCases,
    'unit recorder': unitRecorderCases,
    'unit decisions': unitDecisionCases,
    'unit retries': unitRetryCases,
  },
);

describeConformance(
  'the durable store in its worker, through Comlink',
  async () => ({
    context: {
      openEmpty: async () => {
        const daybook = await openDaybook({ name: newStoreName() });
        return { recorder: daybook.recorder, close: () => daybook.close() };
      },
    },
  }),
  { bootstrap: bootstrapCases, 'empty log': emptyLogCases },
  { variant: 'empty stores' },
);

// Meant for a worker of the application's own; what it promises is the same where it is opened.
describeConformance(
  'the durable store, opened in the thread of its application',
  async () => {
    const store = await openStore({ name: newStoreName(), wasmUrl });
    return { context: { recorder: store.recorder }, close: () => store.close() };
  },
  { ...process, signals: signalCases, subscriptions: subscriptionCases },
);

describeConformance(
  'the durable store, opened in the thread of its application',
  async () => ({
    context: { openEmpty: () => openStore({ name: newStoreName(), wasmUrl }) },
  }),
  { 'empty log': emptyLogCases },
  { variant: 'empty' },
);

describeConformance(
  PAGE,
  async () => ({ context: { openEmpty: () => openEmptyInPage() } }),
  { 'empty log': emptyLogCases },
  { variant: 'empty' },
);

async function openEmptyInPage(): Promise<{ recorder: SqliteProcessRecorder; close(): Promise<void> }> {
  const { context, close } = await openInPage((database) => new SqliteProcessRecorder(database));
  return { ...context, close: async () => close() };
}

interface Creatable {
  createTable(): Promise<void>;
}

async function openInPage<R extends Creatable>(
  makeRecorder: (database: SqliteDatabase) => R,
): Promise<{ context: { recorder: R }; database: SqliteDatabase; close: () => void }> {
  const database = await openSqlJs({ wasmUrl });
  const recorder = makeRecorder(database);
  await recorder.createTable();
  const close = (): void => {
    database.close();
  };
  return { context: { recorder }, database, close };
}

function ownTable(
  database: SqliteDatabase,
): Pick<TransactionContext<SqliteDatabase>, 'setUpOwnTable' | 'insertOwnRow' | 'ownRows'> {
  return {
    async setUpOwnTable() {
      database.exec('CREATE TABLE IF NOT EXISTS own (value TEXT NOT NULL)');
    },
    async insertOwnRow(connection, value) {
      connection.prepare('INSERT INTO own (value) VALUES (?)').run([value]);
    },
    async ownRows() {
      return database
        .prepare('SELECT value FROM own ORDER BY rowid')
        .all([])
        .map(([value]) => String(value));
    },
  };
}
