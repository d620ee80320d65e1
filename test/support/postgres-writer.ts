// Runs as a process of its own: records events one by one, and ends as soon as the last one is recorded, whatever is
// still open. Arguments: the address, the application's name, the count.
import { createPgPool } from '../../src/persistence/postgres/pg-pool.js';
import { PostgresProcessRecorder } from '../../src/persistence/postgres/postgres-recorder.js';

const [connectionString = '', applicationName = '', count = '0'] = process.argv.slice(2);
const pool = await createPgPool({ connectionString });
const recorder = new PostgresProcessRecorder({ pool, applicationName });
const originatorId = crypto.randomUUID();
const state = new TextEncoder().encode('{}');
for (let originatorVersion = 1; originatorVersion <= Number(count); originatorVersion++) {
  await recorder.insertEvents([{ originatorId, originatorVersion, topic: 'topic1', state }]);
}
process.exit(0);
