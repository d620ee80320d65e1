/**
 * States on MongoDB, by way of the real driver: on the server that `MONGODB_URL` names, and on a program that stands in for one
 * (`mongo-stand-in.ts`), which finds by `mingo`. What passes on the latter is no proof for a server.
 */
import type { MongoClient } from 'mongodb';
import type { MongoProcessRecorder } from '../../../src/mongodb/index.js';
import { MongoStateStore } from '../../../src/mongodb/index.js';
import type { TransactionalRecorder } from '../../../src/persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../../src/persistence/sql/sql-queryable.js';
import { keptStateCases } from '../../../src/testing/conformance/kept-state-cases.js';
import { stateSearchCases } from '../../../src/testing/conformance/state-search-cases.js';
import { stateStoreCases } from '../../../src/testing/conformance/state-store-cases.js';
import type { StateStoreContext } from '../../../src/testing/conformance/state-store-cases.js';
import { stateTransferCases } from '../../../src/testing/conformance/state-transfer-cases.js';
import { MONGODB_MISSING, openMongo } from '../../support/mongo-fixture.js';
import { openMongoStandIn } from '../../support/mongo-stand-in.js';
import { describeConformance } from '../../support/run-conformance.js';

const SUITES = {
  states: stateStoreCases,
  'states that are searched': stateSearchCases,
  'states kept from events': keptStateCases,
  'files of states': stateTransferCases,
};

function contextOf(recorder: MongoProcessRecorder<MongoClient>): StateStoreContext {
  return {
    // What the cases do with transactions is alike whatever they lend.
    recorder: recorder as unknown as TransactionalRecorder<SqlQueryable | undefined>,
    openStates: (states) => new MongoStateStore({ recorder, states }),
  };
}

describeConformance(
  'MongoDB',
  async () => {
    const { recorder, close } = await openMongo();
    return { context: contextOf(recorder), close };
  },
  SUITES,
  { variant: 'states', notRun: MONGODB_MISSING },
);

describeConformance(
  'a stand-in for MongoDB',
  async () => {
    const server = await openMongoStandIn();
    const { recorder, close } = await openMongo({}, server.url);
    return {
      context: contextOf(recorder),
      close: async () => {
        await close();
        await server.close();
      },
    };
  },
  SUITES,
  { variant: 'states' },
);
