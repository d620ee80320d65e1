import { MemoryEventIndex } from '../../../src/application/event-index/memory-event-index.js';
import { MemoryOutbox } from '../../../src/application/outbox/memory-outbox.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { eventIndexCases } from '../../../src/testing/conformance/event-index-cases.js';
import type { EventIndexContext } from '../../../src/testing/conformance/event-index-cases.js';
import { outboxCases } from '../../../src/testing/conformance/outbox-cases.js';
import type { OutboxContext } from '../../../src/testing/conformance/outbox-cases.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

const suites = { outbox: outboxCases, 'event index': eventIndexCases };

describeConformance<OutboxContext & EventIndexContext>(
  'memory',
  async () => ({
    context: {
      recorder: new MemoryProcessRecorder(),
      openOutbox: async (options) => new MemoryOutbox(options),
      openIndex: async (options) => new MemoryEventIndex(options),
    },
  }),
  suites,
  { variant: 'outbox' },
);

for (const [name, open] of Object.entries(SQL_RECORDERS)) {
  describeConformance<OutboxContext & EventIndexContext>(
    name,
    async () => {
      const { recorder, close } = await open();
      return {
        context: {
          recorder,
          async openOutbox(options) {
            const outbox = new SqlOutbox({ recorder, table: uniqueName(), ...options });
            await outbox.createTables();
            return outbox;
          },
          async openIndex(options) {
            const index = new SqlEventIndex({ recorder, table: uniqueName(), ...options });
            await index.createTables();
            return index;
          },
        },
        close,
      };
    },
    suites,
    { variant: 'outbox' },
  );
}
