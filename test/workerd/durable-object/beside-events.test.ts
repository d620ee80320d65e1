/** Every suite of what stands beside the events, in an object. */
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { openObjectRecorder } from '../../../src/persistence/durable-object/object-recorder.js';
import { objectSqlite } from '../../../src/persistence/durable-object/object-sqlite.js';
import { SqlCheckpoints } from '../../../src/persistence/sql/sql-checkpoints.js';
import { SqlCommitIds } from '../../../src/persistence/sql/sql-commit-ids.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { SqlStateStore } from '../../../src/states/sql-state-store.js';
import { applicationCases } from '../../../src/testing/conformance/application-cases.js';
import { checkpointCases } from '../../../src/testing/conformance/checkpoint-cases.js';
import type { CheckpointsContext } from '../../../src/testing/conformance/checkpoint-cases.js';
import { commitIdCases } from '../../../src/testing/conformance/commit-id-cases.js';
import type { CommitIdsContext } from '../../../src/testing/conformance/commit-id-cases.js';
import { eventIndexCases } from '../../../src/testing/conformance/event-index-cases.js';
import type { EventIndexContext } from '../../../src/testing/conformance/event-index-cases.js';
import { eventQueryCases } from '../../../src/testing/conformance/event-query-cases.js';
import type { EventQueryContext } from '../../../src/testing/conformance/event-query-cases.js';
import { eventTransferCases } from '../../../src/testing/conformance/event-transfer-cases.js';
import { keptStateCases } from '../../../src/testing/conformance/kept-state-cases.js';
import { liveQueryCases } from '../../../src/testing/conformance/live-query-cases.js';
import { migrationCases } from '../../../src/testing/conformance/migration-cases.js';
import { outboxCases } from '../../../src/testing/conformance/outbox-cases.js';
import type { OutboxContext } from '../../../src/testing/conformance/outbox-cases.js';
import { processCases } from '../../../src/testing/conformance/process-cases.js';
import { projectionCases } from '../../../src/testing/conformance/projection-cases.js';
import { projectionRaceCases } from '../../../src/testing/conformance/projection-race-cases.js';
import { snapshotStoreCases } from '../../../src/testing/conformance/snapshot-store-cases.js';
import { stateSearchCases } from '../../../src/testing/conformance/state-search-cases.js';
import { stateStoreCases } from '../../../src/testing/conformance/state-store-cases.js';
import type { StateStoreContext } from '../../../src/testing/conformance/state-store-cases.js';
import { stateTransferCases } from '../../../src/testing/conformance/state-transfer-cases.js';
import { storeStatsCases } from '../../../src/testing/conformance/store-stats-cases.js';
import { describeConformance } from '../../support/run-conformance.js';
import type { ConformanceOptions, ConformanceSuites } from '../../support/run-conformance.js';
import { ENGINE, newName, newObject, openEmptyRecorder } from '../support/object-context.js';
import type { ObjectPlace } from '../support/object-context.js';

function describeInObject<Context>(
  open: (recorder: SqlRecorder, place: ObjectPlace) => Context | Promise<Context>,
  suites: ConformanceSuites<Context>,
  options: ConformanceOptions = {},
): void {
  const place = newObject();
  describeConformance(
    ENGINE,
    async () => ({ context: await open(await openObjectRecorder(place.storage), place) }),
    suites,
    {
      within: place.within,
      ...options,
    },
  );
}

/** Creates the tables of what was made. */
async function created<T extends { createTables(): Promise<void> }>(made: T): Promise<T> {
  await made.createTables();
  return made;
}

describeInObject((recorder) => ({ recorder }), {
  applications: applicationCases,
  projections: projectionCases,
  'projections at once': projectionRaceCases,
  'what is in a store': storeStatsCases,
});

describeInObject(async (recorder) => ({ store: await created(new SqlSnapshotStore({ recorder })) }), {
  'snapshot stores': snapshotStoreCases,
});

describeInObject<OutboxContext & EventIndexContext>(
  (recorder) => ({
    recorder,
    openOutbox: (options) => created(new SqlOutbox({ recorder, table: newName(), ...options })),
    openIndex: (options) => created(new SqlEventIndex({ recorder, table: newName(), ...options })),
  }),
  { outbox: outboxCases, 'event index': eventIndexCases },
  { variant: 'outbox' },
);

describeInObject<EventQueryContext>(
  (recorder) => ({ recorder, openIndex: () => created(new SqlEventIndex({ recorder, table: newName() })) }),
  { 'events by what is known of them': eventQueryCases },
  { variant: 'events' },
);

describeInObject<CheckpointsContext & CommitIdsContext>(
  (recorder) => ({
    recorder,
    openCheckpoints: (nowMs) =>
      created(new SqlCheckpoints({ recorder, table: newName(), clock: { nowMs: () => nowMs } })),
    openCommitIds: (options) => created(new SqlCommitIds({ recorder, table: newName(), ...options })),
  }),
  { checkpoints: checkpointCases, 'commit ids': commitIdCases },
);

describeInObject<StateStoreContext>(
  (recorder) => ({ recorder, openStates: (states) => new SqlStateStore({ recorder, states }) }),
  {
    states: stateStoreCases,
    'states that are searched': stateSearchCases,
    'states kept from events': keptStateCases,
    'files of states': stateTransferCases,
  },
);

describeInObject(
  (recorder) => ({
    recorder,
    openStates: (states: ConstructorParameters<typeof SqlStateStore>[0]['states']) =>
      new SqlStateStore({ recorder, states }),
    isExact: true,
  }),
  { 'live queries': liveQueryCases },
);

// An object for each: what has the tracking records says whose they are.
for (const testCase of processCases) {
  describeInObject((_recorder, place) => ({ openRecorder: () => openEmptyRecorder(place) }), { processes: [testCase] });
}

describeInObject(
  (_recorder, place) => ({
    openEmpty: async () => ({ recorder: await openEmptyRecorder(place), close: () => Promise.resolve() }),
  }),
  { 'files of events': eventTransferCases },
);

const unmigrated = newObject();
describeConformance(
  ENGINE,
  () => Promise.resolve({ context: { recorder: new SqliteProcessRecorder(objectSqlite(unmigrated.storage)) } }),
  { migrations: migrationCases },
  { within: unmigrated.within },
);
