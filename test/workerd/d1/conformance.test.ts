/** The suites of recorders on D1, in the real runtime. */
import { env } from 'cloudflare:workers';
import { D1ProcessRecorder } from '../../../src/persistence/d1/d1-recorder.js';
import { D1SnapshotStore } from '../../../src/persistence/d1/d1-snapshot-store.js';
import { aggregateRecorderCases } from '../../../src/testing/conformance/aggregate-recorder-cases.js';
import { applicationCases } from '../../../src/testing/conformance/application-cases.js';
import { applicationRecorderCases } from '../../../src/testing/conformance/application-recorder-cases.js';
import { connectionCases } from '../../../src/testing/conformance/connection-cases.js';
import { emptyLogCases } from '../../../src/testing/conformance/empty-log-cases.js';
import { processRecorderCases } from '../../../src/testing/conformance/process-recorder-cases.js';
import { snapshotStoreCases } from '../../../src/testing/conformance/snapshot-store-cases.js';
import { describeConformance } from '../../support/run-conformance.js';
import type { ConformanceSkip } from '../../support/run-conformance.js';
import { D1_ENGINE, newTables, openEmptyD1 } from '../support/d1-context.js';

/** Cases of work that reads and writes in turns, and is committed afterwards. */
const WITHOUT_TRANSACTIONS: readonly ConformanceSkip[] = [
  'commands, objects and SQL of a transaction are committed together, or not at all',
  'whoever waits for a commit is told after that of the transaction, and never of one that is taken back',
  'a transaction within one is taken back alone, and the rest is committed',
  'a transaction that somebody else was faster than is run again, where that is asked for',
  'nothing can be done in a transaction that has ended',
  'snapshots are used inside of a transaction, taken after it, and nobody waits for them',
].map((name) => ({ case: name, reason: 'D1 has no transaction that stays open: it is a batch' }));

const close = (): Promise<void> => Promise.resolve();

describeConformance(
  D1_ENGINE,
  async () => ({ context: { recorder: await openEmptyD1() } }),
  {
    'aggregate recorder': aggregateRecorderCases,
    'application recorder': applicationRecorderCases,
    'process recorder': processRecorderCases,
  },
  { variant: 'process recorder' },
);

describeConformance(
  D1_ENGINE,
  () => Promise.resolve({ context: { openEmpty: async () => ({ recorder: await openEmptyD1(), close }) } }),
  { 'empty log': emptyLogCases },
  { variant: 'empty' },
);

describeConformance(
  D1_ENGINE,
  async () => {
    const tables = newTables();
    await openEmptyD1(tables);
    const connect = (): Promise<{ recorder: D1ProcessRecorder; close(): Promise<void> }> =>
      Promise.resolve({ recorder: new D1ProcessRecorder(env.D1, tables), close });
    return { context: { connect } };
  },
  { 'several connections': connectionCases },
  { variant: 'several sessions' },
);

describeConformance(
  D1_ENGINE,
  async () => {
    const recorder = await openEmptyD1();
    const store = new D1SnapshotStore({ recorder });
    await store.createTables();
    return { context: { recorder, store } };
  },
  { applications: applicationCases, snapshots: snapshotStoreCases },
  { variant: 'applications', skips: WITHOUT_TRANSACTIONS },
);
