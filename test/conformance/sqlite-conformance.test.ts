import { SqliteAggregateRecorder, SqliteApplicationRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { aggregateRecorderCases } from '../../src/testing/conformance/aggregate-recorder-cases.js';
import { applicationRecorderCases } from '../../src/testing/conformance/application-recorder-cases.js';
import { connectionCases } from '../../src/testing/conformance/connection-cases.js';
import { emptyLogCases } from '../../src/testing/conformance/empty-log-cases.js';
import { processRecorderCases } from '../../src/testing/conformance/process-recorder-cases.js';
import { signalCases } from '../../src/testing/conformance/signal-cases.js';
import { transactionCases } from '../../src/testing/conformance/transaction-cases.js';
import { describeConformance } from '../support/run-conformance.js';
import { openSqliteContext, SHARED_ENGINES, SQLITE_ENGINES } from '../support/sqlite-engines.js';
import type { SqliteEngine } from '../support/sqlite-engines.js';

const aggregate = { 'aggregate recorder': aggregateRecorderCases };
const application = { ...aggregate, 'application recorder': applicationRecorderCases };
const process = {
  ...application,
  'process recorder': processRecorderCases,
  transactions: transactionCases,
  signals: signalCases,
};
const shared = { ...process, 'several connections': connectionCases };

for (const [name, makeEngine] of Object.entries(SQLITE_ENGINES)) {
  describeConformance(name, () => openAlone(makeEngine, SqliteAggregateRecorder), aggregate, {
    variant: 'aggregate recorder',
  });

  describeConformance(name, () => openAlone(makeEngine, SqliteApplicationRecorder), application, {
    variant: 'application recorder',
  });

  describeConformance(
    name,
    async () => {
      const context = await openSqliteContext(await makeEngine());
      return { context, close: () => context.close() };
    },
    SHARED_ENGINES.includes(name) ? shared : process,
    { variant: 'process recorder' },
  );

  describeConformance(
    name,
    async () => ({ context: { openEmpty: async () => openSqliteContext(await makeEngine()) } }),
    { 'empty log': emptyLogCases },
    { variant: 'empty' },
  );
}

type RecorderClass = typeof SqliteAggregateRecorder | typeof SqliteApplicationRecorder;

async function openAlone<R extends RecorderClass>(
  makeEngine: () => Promise<SqliteEngine>,
  Recorder: R,
): Promise<{ context: { recorder: InstanceType<R> }; close(): Promise<void> }> {
  const engine = await makeEngine();
  const database = await engine.connect();
  const recorder = new Recorder(database) as InstanceType<R>;
  await recorder.createTable();
  return {
    context: { recorder },
    async close() {
      database.close();
      await engine.remove();
    },
  };
}
