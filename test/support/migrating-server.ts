// Runs as a process of its own: a server that migrates its database when it starts. Arguments: the address, the name of its
// tables, a folder of migrations. Says what it has done, as JSON.
import { SqlOutbox } from '../../src/application/outbox/sql-outbox.js';
import { readMigrations } from '../../src/migrations/folder/migration-folder.js';
import { Migrator } from '../../src/migrations/migrator.js';
import { ownTablesOf } from '../../src/migrations/own-tables.js';
import { createPgPool } from '../../src/persistence/postgres/pg-pool.js';
import { PostgresProcessRecorder } from '../../src/persistence/postgres/postgres-recorder.js';

const [connectionString = '', name = '', folder = ''] = process.argv.slice(2);
const pool = await createPgPool({ connectionString, poolSize: 2, maxOverflow: 0 });
const recorder = new PostgresProcessRecorder({ pool, applicationName: name });
const outbox = new SqlOutbox({ recorder, table: `${name}_outbox` });
const migrator = new Migrator({
  ...{ recorder, own: [ownTablesOf(recorder), outbox], ledgerTable: `${name}_ledger` },
  migrations: await readMigrations(folder),
});
console.log(JSON.stringify(await migrator.up()));
await pool.end();
