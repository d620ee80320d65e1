import { DurableRecorder } from '../../src/persistence/journal/durable-recorder.js';
import { LazyReplica } from '../../src/persistence/journal/lazy-replica.js';
import { MemoryReplica } from '../../src/persistence/memory/memory-replica.js';
import type { Replica } from '../../src/persistence/journal/replica.js';
import { SqliteReplica } from '../../src/persistence/sqlite/sqlite-replica.js';
import { SqliteUnits } from '../../src/persistence/sqlite/sqlite-units.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import { aggregateRecorderCases } from '../../src/testing/conformance/aggregate-recorder-cases.js';
import { applicationRecorderCases } from '../../src/testing/conformance/application-recorder-cases.js';
import { emptyLogCases } from '../../src/testing/conformance/empty-log-cases.js';
import { processRecorderCases } from '../../src/testing/conformance/process-recorder-cases.js';
import { unitDecisionCases } from '../../src/testing/conformance/unit-decision-cases.js';
import { unitRetryCases } from '../../src/testing/conformance/unit-retry-cases.js';
import { bootstrapCases } from '../../src/testing/conformance/bootstrap-cases.js';
import { unitRecorderCases } from '../../src/testing/conformance/unit-recorder-cases.js';
import { systemClock } from '../../src/util/clock.js';
import { describeConformance } from '../support/run-conformance.js';
import { SharedJournal } from '../support/shared-journal.js';

const suites = {
  'aggregate recorder': aggregateRecorderCases,
  'application recorder': applicationRecorderCases,
  'process recorder': processRecorderCases,
};

const REPLICAS: Readonly<Record<string, () => Promise<Replica>>> = {
  'durable recorder on sql.js, journal in memory': async () => {
    const replica = new SqliteReplica(await openSqlJs());
    replica.createTables();
    return replica;
  },
  'durable recorder on sql.js, lazily, journal in memory': async () => {
    const replica = new SqliteReplica(await openSqlJs());
    replica.createTables();
    return new LazyReplica(replica, { clock: systemClock });
  },
  'durable recorder on memory, journal in memory': async () => new MemoryReplica(),
};

describeConformance(
  'durable recorder with units, not lazily, journal in memory',
  async () => {
    const database = await openSqlJs();
    const replica = new SqliteReplica(database, {}, { units: new SqliteUnits(database) });
    replica.createTables();
    const recorder = await DurableRecorder.open({ replica, journal: new SharedJournal().connect() });
    return { context: { recorder }, close: () => recorder.close() };
  },
  {
    ...suites,
    'unit recorder': unitRecorderCases,
    'unit decisions': unitDecisionCases,
    'unit retries': unitRetryCases,
  },
);

describeConformance(
  'durable recorder with units, not lazily, journal in memory',
  async () => ({
    context: {
      openEmpty: async () => {
        const database = await openSqlJs();
        const replica = new SqliteReplica(database, {}, { units: new SqliteUnits(database) });
        replica.createTables();
        const recorder = await DurableRecorder.open({ replica, journal: new SharedJournal().connect() });
        return { recorder, close: () => recorder.close() };
      },
    },
  }),
  { bootstrap: bootstrapCases, 'empty log': emptyLogCases },
);

for (const [engine, makeReplica] of Object.entries(REPLICAS)) {
  describeConformance(
    engine,
    async () => {
      const journal = new SharedJournal().connect();
      const recorder = await DurableRecorder.open({ replica: await makeReplica(), journal });
      return { context: { recorder }, close: () => recorder.close() };
    },
    suites,
  );

  describeConformance(
    engine,
    async () => ({
      context: {
        openEmpty: async () => {
          const journal = new SharedJournal().connect();
          const recorder = await DurableRecorder.open({ replica: await makeReplica(), journal });
          return { recorder, close: () => recorder.close() };
        },
      },
    }),
    { 'empty log': emptyLogCases },
    { variant: 'empty' },
  );
}
