/**
 * Logs of units to test, by engine, each with tables of its own.
 *
 * @module
 */
import postgres from 'postgres';
import { inject } from 'vitest';
import { PostgresProcessRecorder, postgresJsPool } from '../../src/persistence/postgres/index.js';
import type { PostgresPool, PostgresProcessRecorderOptions } from '../../src/persistence/postgres/index.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { PostgresUnitLog } from '../../src/server/log/postgres/postgres-unit-log.js';
import type { PostgresUnitLogOptions } from '../../src/server/log/postgres/postgres-unit-log.js';
import type { UnitLogContext } from '../../src/testing/conformance/unit-log-cases.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { sampleUnit } from '../../src/testing/conformance/unit-samples.js';
import { sharedPglite } from './pglite-fixture.js';
import { openPostgres, uniqueName } from './postgres-fixture.js';
import { makeTenantRole } from './postgres-roles.js';
import { SQLITE_ENGINES } from './sqlite-engines.js';
import { makeSqliteLog } from './sqlite-log-fixture.js';

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
  { schema, applicationName = uniqueName(), ...options }: Partial<PostgresProcessRecorderOptions> = {},
): Promise<PostgresLogFixture> {
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
    backup: async () => await (options.shared === undefined ? backUp(pool, tables) : backUpTenant(recorder, tables)),
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

/** Copies a tenant's rows, as the owner of all the tables sees them, and sets them back: others keep theirs. */
async function backUpTenant(
  { owner, dialect }: PostgresProcessRecorder,
  tables: readonly string[],
): Promise<() => Promise<void>> {
  const tenant = dialect.log?.tenants?.tenant;
  const copies = tables.map((table) => [table, `"${uniqueName()}"`] as const);
  await owner!.transaction(async ({ connection }) => {
    for (const [table, copy] of copies) {
      await connection.query(`CREATE TABLE ${copy} AS SELECT * FROM ${table} WHERE tenant_id = '${tenant}'`);
    }
  });
  return async () => {
    await owner!.transaction(async ({ connection }) => {
      for (const [table, copy] of copies) {
        await connection.query(`DELETE FROM ${table} WHERE tenant_id = $1`, [tenant]);
        await connection.query(`INSERT INTO ${table} SELECT * FROM ${copy}`);
      }
    });
  };
}

/** A log in tables that are shared, and a neighbour's in the same ones, which has units. */
export async function makeSharedLog(
  pool: PostgresPool,
  { tenant = 'acme', partitions = 3 }: { readonly tenant?: string; readonly partitions?: number } = {},
): Promise<PostgresLogFixture & { readonly neighbour: PostgresLogFixture }> {
  const role = await makeTenantRole(pool);
  const applicationName = uniqueName();
  const of = (name: string): Promise<PostgresLogFixture> =>
    makePostgresLog(pool, { applicationName, shared: { tenant: name, partitions, role } });
  const neighbour = await of('neighbour');
  const units = Array.from({ length: 3 }, () => sampleUnit([sampleEvent(newOriginatorId(), 1)]));
  await neighbour.open().push(units, { subject: 'eve', replicaId: '00000000-0000-4000-8000-00000000000e' });
  return { ...(await of(tenant)), neighbour };
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
  'PostgreSQL, by postgres': async () => {
    const pool = postgresJsPool((settings) => postgres(inject('pgUrl'), settings));
    return { context: await makePostgresLog(pool), close: () => pool.end() };
  },
  PGlite: async () => {
    const context = await makePostgresLog(sharedPglite());
    return { context, close: () => Promise.resolve() };
  },
  'PostgreSQL, shared with another tenant': async () => {
    const { pool, close } = await openPostgres();
    return { context: await makeSharedLog(pool), close };
  },
  'PGlite, shared with another tenant, in one piece': async () => {
    const context = await makeSharedLog(sharedPglite(), { partitions: 0 });
    return { context, close: () => Promise.resolve() };
  },
  ...Object.fromEntries(
    Object.entries(SQLITE_ENGINES).map(([name, connect]) => [
      name,
      async () => {
        const engine = await connect();
        const database = await engine.connect();
        const recorder = new SqliteProcessRecorder(database);
        await recorder.createTable();
        const close = async (): Promise<void> => {
          database.close();
          await engine.remove();
        };
        return { context: await makeSqliteLog(recorder), close };
      },
    ]),
  ),
};
