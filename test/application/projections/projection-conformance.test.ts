import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { projectionCases } from '../../../src/testing/conformance/projection-cases.js';
import { projectionRaceCases } from '../../../src/testing/conformance/projection-race-cases.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';
import { SQLITE_ENGINES } from '../../support/sqlite-engines.js';

const SUITES = { projections: projectionCases, 'projections at once': projectionRaceCases };

for (const [name, make] of Object.entries(SQLITE_ENGINES)) {
  describeConformance(
    name,
    async () => {
      const engine = await make();
      const database = await engine.connect();
      const recorder = new SqliteProcessRecorder(database);
      await recorder.createTable();
      return {
        context: { recorder },
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
    return { context: { recorder }, close };
  },
  SUITES,
);
