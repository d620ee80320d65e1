/** State stores on every engine. */
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { MemoryStateStore } from '../../src/states/memory-state-store.js';
import { SqlStateStore } from '../../src/states/sql-state-store.js';
import { keptStateCases } from '../../src/testing/conformance/kept-state-cases.js';
import { stateSearchCases } from '../../src/testing/conformance/state-search-cases.js';
import { stateStoreCases } from '../../src/testing/conformance/state-store-cases.js';
import { stateTransferCases } from '../../src/testing/conformance/state-transfer-cases.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { describeConformance } from '../support/run-conformance.js';
import { SQLITE_ENGINES } from '../support/sqlite-engines.js';

const SUITES = {
  states: stateStoreCases,
  'states that are searched': stateSearchCases,
  'states kept from events': keptStateCases,
  'files of states': stateTransferCases,
};

for (const [name, make] of Object.entries(SQLITE_ENGINES)) {
  describeConformance(
    name,
    async () => {
      const engine = await make();
      const database = await engine.connect();
      const recorder = new SqliteProcessRecorder(database);
      await recorder.createTable();
      return {
        context: { recorder, openStates: (states) => new SqlStateStore({ recorder, states }) },
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
    return { context: { recorder, openStates: (states) => new SqlStateStore({ recorder, states }) }, close };
  },
  SUITES,
);

describeConformance(
  'memory',
  async () => {
    const recorder = new MemoryProcessRecorder();
    await Promise.resolve();
    return { context: { recorder, openStates: (states) => new MemoryStateStore({ recorder, states }) } };
  },
  SUITES,
);
