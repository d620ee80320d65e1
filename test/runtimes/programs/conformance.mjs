// Runs conformance suites of the built package in whatever runtime this is, and prints what came of each case, as one line of
// JSON. The first argument names the engine, the second is the address of a PostgreSQL, or a folder for files.
import * as testing from 'daybook/testing';

const [engine, place] = process.argv.slice(2);

let names = 0;
const uniqueName = () => `rt_${Date.now().toString(36)}_${process.pid}_${++names}`;

const RECORDER_SUITES = {
  'aggregate recorder': testing.aggregateRecorderCases,
  'application recorder': testing.applicationRecorderCases,
  'process recorder': testing.processRecorderCases,
  signals: testing.signalCases,
  applications: testing.applicationCases,
};

const SQL_SUITES = {
  ...RECORDER_SUITES,
  transactions: testing.transactionCases,
  'SQL recorder': testing.sqlRecorderCases,
};

const LOG_SUITES = {
  'log of units': testing.unitLogCases,
  'refused units': testing.refusedUnitCases,
  'waiting offers': testing.waitingOfferCases,
};

/** What the suites of transactions write beside the events. */
function ownTable(recorder) {
  const table = `${uniqueName()}_own`;
  return {
    setUpOwnTable: () => recorder.query(`CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY, value TEXT)`),
    insertOwnRow: (connection, value) =>
      connection.query(`INSERT INTO ${table} SELECT coalesce(max(id), 0) + 1, CAST($1 AS TEXT) FROM ${table}`, [value]),
    ownRows: async () =>
      (await recorder.query(`SELECT value FROM ${table} ORDER BY id`)).rows.map(({ value }) => value),
  };
}

async function openSqlite(path) {
  const { openNodeSqlite, SqliteProcessRecorder } = await import('daybook/node-sqlite');
  const recorder = new SqliteProcessRecorder(await openNodeSqlite({ path }));
  await recorder.createTable();
  return recorder;
}

async function openPostgres() {
  const { createPgPool, PostgresProcessRecorder } = await import('daybook/postgres');
  const pool = await createPgPool({ connectionString: place });
  const make = async (applicationName = uniqueName()) => {
    const recorder = new PostgresProcessRecorder({ pool, applicationName });
    await recorder.createTable();
    return recorder;
  };
  return { pool, make };
}

/** Each opens what its suites need: a list of suites with their context. */
const ENGINES = {
  memory: async () => {
    const { MemoryProcessRecorder } = await import('daybook/core');
    const { MemoryUnitLog } = await import('daybook/server');
    const recorder = new MemoryProcessRecorder();
    const openEmpty = async () => ({ recorder: new MemoryProcessRecorder(), close: async () => undefined });
    const log = new MemoryUnitLog();
    return [
      [RECORDER_SUITES, { recorder }],
      [{ 'empty log': testing.emptyLogCases }, { openEmpty }],
      [
        LOG_SUITES,
        {
          open: (options) => log.reopened(options),
          insertBeside: async (events) => log.insertBeside(events),
          backup: async () => {
            const restore = log.backup();
            return async () => restore();
          },
        },
      ],
    ];
  },
  'node:sqlite': async () => {
    const recorder = await openSqlite(`${place}/events.sqlite`);
    const openEmpty = async () => ({ recorder: await openSqlite(':memory:'), close: async () => undefined });
    const connect = async () => {
      const one = await openSqlite(`${place}/events.sqlite`);
      return { recorder: one, close: async () => undefined };
    };
    return [
      [SQL_SUITES, { recorder, ...ownTable(recorder) }],
      [{ 'empty log': testing.emptyLogCases }, { openEmpty }],
      [{ 'several connections': testing.connectionCases }, { connect }],
    ];
  },
  'sql.js': async () => {
    const { openSqlJs, SqliteProcessRecorder } = await import('daybook/sqlite');
    const open = async () => {
      const recorder = new SqliteProcessRecorder(await openSqlJs());
      await recorder.createTable();
      return recorder;
    };
    const recorder = await open();
    const openEmpty = async () => ({ recorder: await open(), close: async () => undefined });
    return [
      [SQL_SUITES, { recorder, ...ownTable(recorder) }],
      [{ 'empty log': testing.emptyLogCases }, { openEmpty }],
    ];
  },
  PostgreSQL: async () => {
    const { make } = await openPostgres();
    const recorder = await make();
    const openEmpty = async () => ({ recorder: await make(), close: async () => undefined });
    const shared = uniqueName();
    const connect = async () => {
      const other = await openPostgres();
      return { recorder: await other.make(shared), close: () => other.pool.end() };
    };
    return [
      [
        { ...SQL_SUITES, subscriptions: testing.subscriptionCases },
        { recorder, ...ownTable(recorder) },
      ],
      [{ 'empty log': testing.emptyLogCases }, { openEmpty }],
      [{ 'several connections': testing.connectionCases }, { connect }],
    ];
  },
};

const outcomes = [];
for (const [suites, context] of await ENGINES[engine]()) {
  for (const [suite, cases] of Object.entries(suites)) {
    for (const testCase of cases) {
      const outcome = { suite, name: testCase.name };
      try {
        await testCase.run(context);
        outcomes.push(outcome);
      } catch (error) {
        outcomes.push({ ...outcome, error: String(error?.stack ?? error) });
      }
    }
  }
}
const runtime = globalThis.Deno !== undefined ? 'Deno' : globalThis.Bun !== undefined ? 'Bun' : 'Node';
console.log(JSON.stringify({ runtime, outcomes }));
// Pools and files are let go of with the process.
process.exit(0);
