import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { processCases } from '../../../src/testing/conformance/process-cases.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';

const SUITES = { processes: processCases };

describeConformance(
  'memory',
  async () => ({ context: { openRecorder: async () => new MemoryProcessRecorder() } }),
  SUITES,
);

describeConformance(
  'SQLite on sql.js',
  async () => ({
    context: {
      openRecorder: async () => {
        const recorder = new SqliteProcessRecorder(await openSqlJs());
        await recorder.createTable();
        return recorder;
      },
    },
  }),
  SUITES,
);

describeConformance(
  'PostgreSQL',
  async () => {
    const fixture = await openPostgres();
    return { context: { openRecorder: () => fixture.make() }, close: () => fixture.close() };
  },
  SUITES,
);
