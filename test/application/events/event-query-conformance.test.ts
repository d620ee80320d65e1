import { MemoryEventIndex } from '../../../src/application/event-index/memory-event-index.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { eventQueryCases } from '../../../src/testing/conformance/event-query-cases.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

const suites = { 'events by what is known of them': eventQueryCases };

describeConformance(
  'memory',
  async () => ({
    context: {
      recorder: new MemoryProcessRecorder(),
      openIndex: async () => new MemoryEventIndex(),
    },
  }),
  suites,
  { variant: 'events' },
);

for (const [name, open] of Object.entries(SQL_RECORDERS)) {
  describeConformance(
    name,
    async () => {
      const { recorder, close } = await open();
      return {
        context: {
          recorder,
          async openIndex() {
            const index = new SqlEventIndex({ recorder, table: uniqueName() });
            await index.createTables();
            return index;
          },
        },
        close,
      };
    },
    suites,
    { variant: 'events' },
  );
}
