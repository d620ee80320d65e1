/** The suites of recorders on a real MongoDB, where `MONGODB_URL` names one. */
import type { ClientSession, Db, MongoClient } from 'mongodb';
import { MongoAggregateRecorder, MongoApplicationRecorder, MongoSnapshotStore } from '../../../src/mongodb/index.js';
import type { MongoConnection, MongoRecorderOptions } from '../../../src/mongodb/index.js';
import { aggregateRecorderCases } from '../../../src/testing/conformance/aggregate-recorder-cases.js';
import { applicationCases } from '../../../src/testing/conformance/application-cases.js';
import { applicationRecorderCases } from '../../../src/testing/conformance/application-recorder-cases.js';
import { connectionCases } from '../../../src/testing/conformance/connection-cases.js';
import { emptyLogCases } from '../../../src/testing/conformance/empty-log-cases.js';
import { processRecorderCases } from '../../../src/testing/conformance/process-recorder-cases.js';
import { snapshotStoreCases } from '../../../src/testing/conformance/snapshot-store-cases.js';
import { subscriptionCases } from '../../../src/testing/conformance/subscription-cases.js';
import type { SubscriptionContext } from '../../../src/testing/conformance/subscription-cases.js';
import { transactionCases } from '../../../src/testing/conformance/transaction-cases.js';
import type { TransactionContext } from '../../../src/testing/conformance/transaction-cases.js';
import { MONGODB_MISSING, openMongo, uniqueName } from '../../support/mongo-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';
import type { ConformanceSkip } from '../../support/run-conformance.js';

type Context = TransactionContext<MongoConnection<MongoClient>> & SubscriptionContext;

const SUITES = {
  'aggregate recorder': aggregateRecorderCases,
  'application recorder': applicationRecorderCases,
  'process recorder': processRecorderCases,
  transactions: transactionCases,
  subscriptions: subscriptionCases,
};
const WITHOUT_SAVEPOINTS: ConformanceSkip = {
  case: 'a nested transaction that rejects takes back its own part only',
  reason: 'own documents within it cannot be taken back alone: MongoDB has no savepoints',
};
const ANY_TEXT: readonly ConformanceSkip[] = [
  { case: 'malformed events are refused before anything is stored', reason: 'any text is an id here' },
  { case: 'malformed selections are refused', reason: 'any text is an id here' },
];

function describeRecorder(
  variant: string,
  options: Partial<MongoRecorderOptions<MongoClient>>,
  skips: readonly ConformanceSkip[] = [],
): void {
  describeConformance<Context>(
    'MongoDB',
    async () => {
      const { recorder, close } = await openMongo(options);
      return { context: { recorder, ...ownDocuments(recorder.database) }, close };
    },
    SUITES,
    { variant, notRun: MONGODB_MISSING, skips: [WITHOUT_SAVEPOINTS, ...skips] },
  );
}

function ownDocuments(database: Db): Omit<Context, 'recorder'> {
  const own = database.collection<{ value: string }>(`${uniqueName()}_own`);
  return {
    setUpOwnTable: async () => {
      await database.createCollection(own.collectionName).catch(() => undefined);
    },
    insertOwnRow: async ({ session }: { readonly session: ClientSession }, value) => {
      await own.insertOne({ value }, { session });
    },
    ownRows: async () =>
      (await own.find({}, { readConcern: { level: 'majority' } }).toArray()).map(({ value }) => value),
  };
}

describeRecorder('process recorder', {});
describeRecorder('text ids', { originatorIdType: 'text' }, ANY_TEXT);

describeConformance(
  'MongoDB',
  async () => {
    const { client, close } = await openMongo();
    const recorder = new MongoApplicationRecorder({ client, applicationName: uniqueName() });
    await recorder.createTable();
    return { context: { recorder }, close };
  },
  { 'aggregate recorder': aggregateRecorderCases, 'application recorder': applicationRecorderCases },
  { variant: 'application recorder', notRun: MONGODB_MISSING },
);

describeConformance(
  'MongoDB',
  async () => {
    const { client, close } = await openMongo();
    const recorder = new MongoAggregateRecorder({ client, applicationName: uniqueName() });
    await recorder.createTable();
    return { context: { recorder }, close };
  },
  { 'aggregate recorder': aggregateRecorderCases },
  { variant: 'aggregate recorder', notRun: MONGODB_MISSING },
);

describeConformance(
  'MongoDB',
  async () => {
    await Promise.resolve();
    return { context: { openEmpty: () => openMongo() } };
  },
  { 'empty log': emptyLogCases },
  { variant: 'process recorder, empty', notRun: MONGODB_MISSING },
);

describeConformance(
  'MongoDB',
  async () => {
    await Promise.resolve();
    const applicationName = uniqueName();
    // Ten that never rest, on a loaded machine: who is first is chance.
    return { context: { connect: () => openMongo({ applicationName, lockTimeoutMs: 60_000 }) } };
  },
  { 'several connections': connectionCases },
  { variant: 'several clients', notRun: MONGODB_MISSING },
);

describeConformance(
  'MongoDB',
  async () => {
    const { client, recorder, close } = await openMongo();
    const store = new MongoSnapshotStore({ client, collection: `${uniqueName()}_snapshots` });
    await store.createTables();
    return { context: { recorder, store }, close };
  },
  { applications: applicationCases, snapshots: snapshotStoreCases },
  { variant: 'applications', notRun: MONGODB_MISSING },
);
