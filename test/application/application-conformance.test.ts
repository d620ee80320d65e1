import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { applicationCases } from '../../src/testing/conformance/application-cases.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { describeConformance } from '../support/run-conformance.js';
import { openSqliteContext, SQLITE_ENGINES } from '../support/sqlite-engines.js';

const suites = { applications: applicationCases };

describeConformance('memory', async () => ({ context: { recorder: new MemoryProcessRecorder() } }), suites);

for (const [name, makeEngine] of Object.entries(SQLITE_ENGINES)) {
  describeConformance(
    name,
    async () => {
      const { recorder, close } = await openSqliteContext(await makeEngine());
      return { context: { recorder }, close };
    },
    suites,
  );
}

describeConformance(
  'PostgreSQL',
  async () => {
    const { recorder, close } = await openPostgres();
    return { context: { recorder }, close };
  },
  suites,
);
