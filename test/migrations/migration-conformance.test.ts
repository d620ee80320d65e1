/** Migrations on every engine with SQL that runs in Node. */
import { PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { migrationCases } from '../../src/testing/conformance/migration-cases.js';
import { sharedPglite } from '../support/pglite-fixture.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { describeConformance } from '../support/run-conformance.js';
import { SHARED_ENGINES, SQLITE_ENGINES } from '../support/sqlite-engines.js';

const SUITES = { migrations: migrationCases };

for (const [name, make] of Object.entries(SQLITE_ENGINES)) {
  describeConformance(
    name,
    async () => {
      const engine = await make();
      const database = await engine.connect();
      const connect = async () => {
        const another = await engine.connect();
        return { recorder: new SqliteProcessRecorder(another), close: async () => another.close() };
      };
      return {
        context: {
          recorder: new SqliteProcessRecorder(database),
          ...(SHARED_ENGINES.includes(name) ? { connect } : {}),
        },
        close: async () => {
          database.close();
          await engine.remove();
        },
      };
    },
    SUITES,
  );
}

describeConformance(
  'PostgreSQL',
  async () => {
    const { recorder, close } = await openPostgres();
    const connect = async () => {
      const another = await openPostgres({ poolSize: 2, maxOverflow: 0 });
      return { recorder: another.recorder, close: () => another.close() };
    };
    return { context: { recorder, connect }, close };
  },
  SUITES,
);

describeConformance(
  'PGlite',
  async () => {
    const recorder = new PostgresProcessRecorder({ pool: sharedPglite(), applicationName: 'migrated' });
    return Promise.resolve({ context: { recorder } });
  },
  SUITES,
);
