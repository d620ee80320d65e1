import {
  MemoryAggregateRecorder,
  MemoryApplicationRecorder,
  MemoryProcessRecorder,
} from '../../src/persistence/memory/memory-recorder.js';
import { aggregateRecorderCases } from '../../src/testing/conformance/aggregate-recorder-cases.js';
import { applicationRecorderCases } from '../../src/testing/conformance/application-recorder-cases.js';
import { processRecorderCases } from '../../src/testing/conformance/process-recorder-cases.js';
import { emptyLogCases } from '../../src/testing/conformance/empty-log-cases.js';
import { signalCases } from '../../src/testing/conformance/signal-cases.js';
import { ownSqlCaseNames, transactionCases } from '../../src/testing/conformance/transaction-cases.js';
import type { TransactionContext } from '../../src/testing/conformance/transaction-cases.js';
import { describeConformance } from '../support/run-conformance.js';

const ENGINE = 'memory';
const aggregate = { 'aggregate recorder': aggregateRecorderCases };
const application = { ...aggregate, 'application recorder': applicationRecorderCases };
const process = {
  ...application,
  'process recorder': processRecorderCases,
  transactions: transactionCases,
  signals: signalCases,
};
const skips = ownSqlCaseNames.map((name) => ({ case: name, reason: 'memory has no SQL' }));

describeConformance(ENGINE, async () => ({ context: { recorder: new MemoryAggregateRecorder() } }), aggregate, {
  variant: 'aggregate recorder',
});

describeConformance(ENGINE, async () => ({ context: { recorder: new MemoryApplicationRecorder() } }), application, {
  variant: 'application recorder',
});

describeConformance(ENGINE, async () => ({ context: withoutSql() }), process, { variant: 'process recorder', skips });

describeConformance(
  ENGINE,
  async () => ({
    context: { openEmpty: async () => ({ recorder: new MemoryProcessRecorder(), close: () => Promise.resolve() }) },
  }),
  { 'empty log': emptyLogCases },
  { variant: 'empty' },
);

function withoutSql(): TransactionContext<undefined> {
  const none = (): Promise<never> => Promise.reject(new Error('memory has no SQL'));
  return { recorder: new MemoryProcessRecorder(), setUpOwnTable: none, insertOwnRow: none, ownRows: none };
}
