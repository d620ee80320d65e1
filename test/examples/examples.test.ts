/**
 * The examples in memory, on SQLite and on PostgreSQL. In the browser: `test/browser/examples.test.ts`.
 *
 * @module
 */
import { onTestFinished } from 'vitest';
import { memoryExample } from '../../examples/orders/example-on-memory.js';
import { postgresExample } from '../../examples/orders/example-on-postgres.js';
import { memoryEngine, sqlEngine } from '../../examples/orders/orders-engine.js';
import { memoryDatabase, sqlDatabase } from '../../examples/users/user-database.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { describeExamples } from '../support/example-programs.js';
import { ownSchemaUrl } from '../support/postgres-fixture.js';
import { SQL_RECORDERS } from '../support/sql-recorders.js';

describeExamples('memory', {
  openRecorder: async () => new MemoryProcessRecorder(),
  openOrdersEngine: async () => memoryEngine(),
  completeExample: async () => memoryExample,
  userDatabase: async () => memoryDatabase(),
});

async function openSqlite(): Promise<SqlRecorder> {
  const { recorder, close } = await SQL_RECORDERS['node:sqlite, file (WAL)']!();
  onTestFinished(close);
  return recorder;
}

describeExamples('SQLite', {
  openRecorder: openSqlite,
  openSql: openSqlite,
  openOrdersEngine: async () => await sqlEngine(await openSqlite()),
  userDatabase: async () => await sqlDatabase(await openSqlite()),
  completeExample: async () => {
    const recorder = await openSqlite();
    return {
      name: 'SQLite',
      open: async () => ({ recorder, createSchema: () => Promise.resolve(), close: () => Promise.resolve() }),
    };
  },
});

async function openPostgresSql(): Promise<SqlRecorder> {
  const pool = await createPgPool({ connectionString: await ownSchemaUrl() });
  onTestFinished(() => pool.end());
  const recorder = new PostgresProcessRecorder({ pool, applicationName: 'school' });
  await recorder.createTable();
  return recorder;
}

describeExamples('PostgreSQL', {
  openRecorder: openPostgresSql,
  openSql: openPostgresSql,
  openOrdersEngine: async () => await sqlEngine(await openPostgresSql()),
  completeExample: async () => postgresExample(await ownSchemaUrl()),
  userDatabase: async () => await sqlDatabase(await openPostgresSql()),
});
