import { MemoryCheckpoints } from '../../../src/persistence/memory/memory-checkpoints.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { SqlCheckpoints } from '../../../src/persistence/sql/sql-checkpoints.js';
import { checkpointCases } from '../../../src/testing/conformance/checkpoint-cases.js';
import type { CheckpointsContext } from '../../../src/testing/conformance/checkpoint-cases.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

const suites = { checkpoints: checkpointCases };

for (const [name, open] of Object.entries(SQL_RECORDERS)) {
  describeConformance<CheckpointsContext>(
    name,
    async () => {
      const { recorder, close } = await open();
      return {
        context: {
          recorder,
          async openCheckpoints(nowMs) {
            const checkpoints = new SqlCheckpoints({ recorder, table: uniqueName(), clock: { nowMs: () => nowMs } });
            // Twice: what is there is left as it is.
            await checkpoints.createTables();
            await checkpoints.createTables();
            return checkpoints;
          },
        },
        close,
      };
    },
    suites,
    { variant: 'checkpoints' },
  );
}

describeConformance<CheckpointsContext>(
  'memory',
  async () => {
    const recorder = new MemoryProcessRecorder();
    const openCheckpoints: CheckpointsContext['openCheckpoints'] = async (nowMs) =>
      new MemoryCheckpoints({ recorder, clock: { nowMs: () => nowMs } });
    return { context: { recorder, openCheckpoints } };
  },
  suites,
  { variant: 'checkpoints' },
);
