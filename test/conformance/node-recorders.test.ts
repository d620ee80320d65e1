import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { DurableRecorder } from '../../src/persistence/indexeddb/durable-recorder.js';
import { MemoryReplica } from '../../src/persistence/memory/memory-replica.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { SqliteReplica } from '../../src/persistence/sqlite/sqlite-replica.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import { aggregateRecorderCases } from '../../src/testing/aggregate-recorder-cases.js';
import { applicationRecorderCases } from '../../src/testing/application-recorder-cases.js';
import { processRecorderCases } from '../../src/testing/process-recorder-cases.js';
import { describeConformance } from '../support/run-conformance.js';
import { SharedJournal } from '../support/shared-journal.js';

const suites = {
  'aggregate recorder': aggregateRecorderCases,
  'application recorder': applicationRecorderCases,
  'process recorder': processRecorderCases,
};

describeConformance('memory', async () => ({ context: { recorder: new MemoryProcessRecorder() } }), suites);

describeConformance(
  'SQLite on sql.js',
  async () => {
    const database = await openSqlJs();
    const recorder = new SqliteProcessRecorder(database);
    recorder.createTable();
    return { context: { recorder }, close: () => database.close() };
  },
  suites,
);

describeConformance(
  'durable recorder, SQLite on sql.js, journal in memory',
  async () => {
    const database = await openSqlJs();
    const replica = new SqliteReplica(database);
    replica.createTables();
    const recorder = await DurableRecorder.open({ replica, journal: new SharedJournal().connect() });
    return { context: { recorder }, close: async () => recorder.close() };
  },
  suites,
);

describeConformance(
  'durable recorder, replica and journal in memory',
  async () => {
    const replica = new MemoryReplica();
    const recorder = await DurableRecorder.open({ replica, journal: new SharedJournal().connect() });
    return { context: { recorder }, close: async () => recorder.close() };
  },
  suites,
);
