/**
 * Logs of units to test, by engine, each with tables of its own.
 *
 * @module
 */
import { PGlite } from '@electric-sql/pglite';
import { pgliteDriver, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { PostgresPool, PostgresProcessRecorderOptions } from '../../src/persistence/postgres/index.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { PostgresUnitLog } from '../../src/server/log/postgres-unit-log.js';
import type { PostgresUnitLogOptions } from '../../src/server/log/postgres-unit-log.js';
import type { UnitLogContext } from '../../src/testing/conformance/unit-log-cases.js';
import { openPostgres, uniqueName } from './postgres-fixture.js';

/** A log in PostgreSQL, and its tables. */
export interface PostgresLogFixture extends UnitLogContext {
  readonly recorder: PostgresProcessRecorder;
  readonly pool: PostgresPool;
  /** Of the table of the events, as SQL. */
  readonly events: string;
  /** Put before the endings of the log's tables, as SQL. */
  readonly name: string;
  readonly open: (options?: Partial<PostgresUnitLogOptions>) => PostgresUnitLog;
}

/** Makes the tables of a log. */
export async function makePostgresLog(
  pool: PostgresPool,
  { schema, ...options }: Partial<PostgresProcessRecorderOptions> = {},
): Promise<PostgresLogFixture> {
  const applicationName = uniqueName();
  const place = schema === undefined ? {} : { schema };
  const recorder = new PostgresProcessRecorder({ pool, applicationName, ...place, ...options });
  await recorder.createTable();
  const name = `${applicationName}_log`;
  const open = (more: Partial<PostgresUnitLogOptions> = {}): PostgresUnitLog =>
    new PostgresUnitLog({ recorder, name, ...place, ...more });
  await open().createTables();
  const qualified = (table: string): string => (schema === undefined ? `"${table}"` : `"${schema}"."${table}"`);
  const events = qualified(`${applicationName}_events`);
  const tables = [events, ...['units', 'head', 'gaps', 'set_aside'].map((ending) => qualified(`${name}_${ending}`))];
  return {
    ...{ recorder, pool, open, events, name },
    insertBeside: async (inserted) => {
      await recorder.insertEvents(inserted);
    },
    backup: async () => await backUp(pool, tables),
  };
}

/** Copies tables; the sequence of the events is restored as well, as it is by `pg_restore`. */
async function backUp(pool: PostgresPool, tables: readonly string[]): Promise<() => Promise<void>> {
  const copies = tables.map((table) => [table, `"${uniqueName()}"`] as const);
  await pool.query(copies.map(([table, copy]) => `CREATE TABLE ${copy} AS TABLE ${table}`).join(';'));
  const [events = ''] = tables;
  const sequence = `pg_get_serial_sequence('${events}', 'notification_id')`;
  return async () => {
    await pool.query(
      [
        ...copies.map(([table, copy]) => `TRUNCATE ${table}; INSERT INTO ${table} SELECT * FROM ${copy}`),
        `SELECT setval(${sequence}, (SELECT coalesce(max(notification_id), 0) + 1 FROM ${events}), false)`,
      ].join(';'),
    );
  };
}

/** Engines by name. */
export const UNIT_LOGS: Readonly<
  Record<string, () => Promise<{ readonly context: UnitLogContext; close(): Promise<void> }>>
> = {
  memory: () => {
    const log = new MemoryUnitLog();
    return Promise.resolve({
      context: {
        open: (options = {}) => log.reopened(options),
        insertBeside: async (events) => log.insertBeside(events),
        backup: async () => {
          const restore = log.backup();
          return async () => restore();
        },
      },
      close: () => Promise.resolve(),
    });
  },
  PostgreSQL: async () => {
    const { pool, close } = await openPostgres();
    return { context: await makePostgresLog(pool), close };
  },
  'PostgreSQL, in a schema, ids as texts': async () => {
    const { pool, close } = await openPostgres();
    const schema = uniqueName();
    await pool.query(`CREATE SCHEMA ${schema}`);
    return { context: await makePostgresLog(pool, { schema, originatorIdType: 'text' }), close };
  },
  PGlite: async () => {
    const database = new PGlite();
    const context = await makePostgresLog(pgliteDriver(database));
    return { context, close: () => database.close() };
  },
};
