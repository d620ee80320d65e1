/** Live queries over every engine. */
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { MemoryStateStore } from '../../src/states/memory-state-store.js';
import { SqlStateStore } from '../../src/states/sql-state-store.js';
import { liveQueryCases } from '../../src/testing/conformance/live-query-cases.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { describeConformance } from '../support/run-conformance.js';
import { SQLITE_ENGINES } from '../support/sqlite-engines.js';

const SUITES = { 'live queries': liveQueryCases };

for (const [name, make] of Object.entries(SQLITE_ENGINES)) {
  describeConformance(
    name,
    async () => {
      const engine = await make();
      const database = await engine.connect();
      const recorder = new SqliteProcessRecorder(database);
      await recorder.createTable();
      return {
        context: { recorder, openStates: (states) => new SqlStateStore({ recorder, states }), isExact: true },
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
    const openStates = (states: ConstructorParameters<typeof SqlStateStore>[0]['states']): SqlStateStore =>
      new SqlStateStore({ recorder, states });
    // Events of other tests come by NOTIFY, if not on this channel, and its own may come before it knows that they are.
    return { context: { recorder, openStates, isExact: false }, close };
  },
  SUITES,
);

describeConformance(
  'memory',
  async () => {
    const recorder = new MemoryProcessRecorder();
    await Promise.resolve();
    return { context: { recorder, openStates: (states) => new MemoryStateStore({ recorder, states }), isExact: true } };
  },
  SUITES,
);
