import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import { MemorySnapshotStore } from '../../../src/persistence/memory/memory-snapshot-store.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { snapshotStoreCases } from '../../../src/testing/conformance/snapshot-store-cases.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';
import { SQLITE_ENGINES } from '../../support/sqlite-engines.js';

const suites = { 'snapshot stores': snapshotStoreCases };

describeConformance('memory', async () => ({ context: { store: new MemorySnapshotStore() } }), suites);

for (const [name, makeEngine] of Object.entries(SQLITE_ENGINES)) {
  describeConformance(
    name,
    async () => {
      const engine = await makeEngine();
      const database = await engine.connect();
      const recorder = new SqliteProcessRecorder(database);
      await recorder.createTable();
      const store = new SqlSnapshotStore({ recorder });
      await Promise.all([store.createTables(), store.createTables()]);
      const close = async (): Promise<void> => {
        database.close();
        await engine.remove();
      };
      return { context: { store }, close };
    },
    suites,
  );
}

describeConformance(
  'PostgreSQL',
  async () => {
    const { recorder, close, name } = await openPostgres();
    const store = new SqlSnapshotStore({ recorder, table: `${name}_snapshots` });
    await Promise.all([store.createTables(), store.createTables()]);
    return { context: { store }, close };
  },
  suites,
);
