/**
 * What every snapshot store promises, and what applications promise of snapshots: that they change nothing but the time
 * that loading takes.
 *
 * @module
 */
import type { Application } from '../../application/application.js';
import type { SnapshotFailure } from '../../application/aggregates/snapshots.js';
import type { DefinedDecider } from '../../domain/decider.js';
import { MemoryProcessRecorder } from '../../persistence/memory/memory-recorder.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { SnapshotStore, StoredSnapshot } from '../../persistence/snapshot-store.js';
import { receive, sampleApplication } from './application-context.js';
import { LogBook, stockItem } from './application-samples.js';
import type { StockCommand, StockEvent, StockItem } from './application-samples.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId } from './event-samples.js';

/** The store under test. It may hold snapshots already. */
export interface SnapshotStoreContext {
  readonly store: SnapshotStore;
}

type Case = ConformanceCase<SnapshotStoreContext>;
type Item = DefinedDecider<StockItem, StockCommand, StockEvent>;

function sample(originatorId: string, originatorVersion: number, stateVersion: number = 1): StoredSnapshot {
  const state = new TextEncoder().encode(`{"é":"\u0000${originatorVersion}.${stateVersion}"}`);
  const eventId = newOriginatorId();
  const takenAtMs = 1_772_000_000_000 + originatorVersion;
  return { originatorId, originatorVersion, eventId, aggregateType: 'Sample', stateVersion, state, takenAtMs };
}

const keepsTheNewest: Case = {
  name: 'a snapshot is replaced by a newer one only, in whatever order they come',
  async run({ store }) {
    const [id, other] = [newOriginatorId(), newOriginatorId()];
    expectEqual(await store.select(id), undefined, 'before the first');
    const [first, newer] = [sample(id, 100), sample(id, 205)];
    expectEqual(await store.upsert(first), true, 'the first is kept');
    expectEqual(await store.select(id), first, 'as it was given');
    expectEqual(await store.upsert(newer), true, 'a newer one is kept');
    expectEqual(await store.upsert(sample(id, 100, 9)), false, 'an older one is not');
    expectEqual(await store.upsert(sample(id, 205)), false, 'one that is as new is not');
    expectEqual(await store.select(id), newer, 'the newest');
    const reshaped = sample(id, 205, 2);
    expectEqual(await store.upsert(reshaped), true, 'one of a newer shape is kept');
    expectEqual(await store.upsert(newer), false, 'one of an older shape is not');
    expectEqual(await store.select(id), reshaped, 'the newest, of the newest shape');
    expectEqual(await store.select(other), undefined, 'of another aggregate');
  },
};

const survivesARace: Case = {
  name: 'of snapshots that are stored at once, the newest stays',
  async run({ store }) {
    const id = newOriginatorId();
    const versions = [3, 9, 1, 7, 8, 2, 5];
    await Promise.all(versions.map((version) => store.upsert(sample(id, version))));
    expectEqual((await store.select(id))?.originatorVersion, 9, 'the version that stays');
  },
};

const removes: Case = {
  name: 'snapshots are removed, of one aggregate and of all',
  async run({ store }) {
    const [one, two] = [newOriginatorId(), newOriginatorId()];
    await store.upsert(sample(one, 1));
    await store.upsert(sample(two, 1));
    await store.remove(one);
    expectEqual([await store.select(one), (await store.select(two))?.originatorVersion], [undefined, 1], 'of one');
    await store.remove();
    expectEqual(await store.select(two), undefined, 'of all');
    expectEqual(await store.upsert(sample(one, 1)), true, 'one is kept again');
  },
};

const takenWhenCrossed: Case = {
  name: 'a snapshot is taken by the save that reaches or passes the interval',
  async run({ store }) {
    const { app } = applicationOn(store);
    // Versions to begin with, how many events are saved at once, and the version of the snapshot.
    const saves = [
      [95, 10, 105],
      [99, 1, 100],
      [0, 99, undefined],
      [0, 350, 350],
    ] as const;
    for (const [before, added, expected] of saves) {
      const id = newOriginatorId();
      if (before > 0) await app.execute(stockItem, id, receive(1, before));
      await app.execute(stockItem, id, receive(1, added));
      expectEqual((await store.select(id))?.originatorVersion, expected, `from ${before} by ${added}`);
    }
    const id = newOriginatorId();
    await app.execute(stockItem, id, receive(1, 100));
    await store.remove(id);
    await app.execute(stockItem, id, { type: 'Name', data: { name: '' } });
    expectEqual(await store.select(id), undefined, 'from 100 to 100');
  },
};

const loadsFromIt: Case = {
  name: 'loading reads only what is after the snapshot, and at an older version ignores it',
  async run({ store }) {
    const { app, reads } = applicationOn(store);
    const [id, book] = [newOriginatorId(), newOriginatorId()];
    await app.execute(stockItem, id, receive(2, 120));
    await app.execute(stockItem, id, receive(3, 5));
    reads.length = 0;
    const loaded = await app.repository.load(stockItem, id);
    // The event at the snapshot's version is read too: it says that the history is the snapshot's.
    expectEqual(reads, [6], 'rows that were read');
    expectEqual(loaded, { id, version: 125, state: { name: '', quantity: 255, moves: 125 } }, 'the state');
    expectEqual((await app.repository.load(stockItem, id, { version: 121 })).state.quantity, 243, 'just after it');
    expectEqual((await app.repository.load(stockItem, id, { version: 119 })).state.quantity, 238, 'before it');
    const log = LogBook.open(book, 'long');
    for (let line = 1; line <= 101; line++) log.write(`line ${line}`);
    await app.save(log);
    reads.length = 0;
    const again = await app.repository.get(LogBook, book);
    expectEqual([reads, again.version, again.title, again.lines.length], [[1], 102, 'long', 101], 'an object');
    again.write('one more');
    await app.save(again);
    expectEqual((await app.repository.get(LogBook, book)).lines.at(-1), 'one more', 'an object that went on');
  },
};

const otherShapesAreNotUsed: Case = {
  name: 'a snapshot of another shape of the state is not used, and a newer one takes its place',
  async run({ store }) {
    const recorder = new MemoryProcessRecorder();
    const { app } = applicationOn(store, recorder);
    const id = newOriginatorId();
    await app.execute(stockItem, id, receive(1, 100));
    const initialState = (): StockItem => ({ name: '', quantity: 0, moves: 1_000 });
    const reshaped: Item = { ...stockItem, stateVersion: 2, initialState };
    const present = applicationOn(store, recorder, reshaped);
    const { state } = await present.app.repository.load(reshaped, id);
    expectEqual([present.reads, state.moves], [[100], 1_100], 'every row is read');
    expectTrue(await present.app.takeSnapshot(reshaped, id), 'a snapshot of the present shape is kept');
    expectEqual(await present.app.takeSnapshot(reshaped, id), false, 'one is enough');
    present.reads.length = 0;
    await present.app.repository.load(reshaped, id);
    expectEqual(present.reads, [1], 'rows that are read with it');
  },
};

const foreignHistoryIsNotUsed: Case = {
  name: 'a snapshot is not used when its event is not there, or is another one',
  async run({ store }) {
    const [whole, restored] = [applicationOn(store), applicationOn(store)];
    const id = newOriginatorId();
    await whole.app.execute(stockItem, id, receive(5, 100));
    await restored.app.execute(stockItem, id, receive(1, 60));
    expectEqual((await restored.app.repository.load(stockItem, id)).state.quantity, 60, 'of a shorter history');
    await restored.app.execute(stockItem, id, receive(1, 60));
    expectEqual((await restored.app.repository.load(stockItem, id)).state.quantity, 120, 'of another history');
    expectEqual((await whole.app.repository.load(stockItem, id)).state.quantity, 500, 'of its own history');
  },
};

const failuresFailNothing: Case = {
  name: 'a snapshot that fails fails no save and no load, and somebody is told',
  async run({ store }) {
    const failures: string[] = [];
    const onFailed = (_error: unknown, { action, aggregateType }: SnapshotFailure): void => {
      failures.push(`${action} ${aggregateType}`);
    };
    const broken: SnapshotStore = {
      select: () => Promise.reject(new RangeError('the disk')),
      upsert: () => Promise.reject(new RangeError('the disk')),
      remove: () => Promise.resolve(),
    };
    const recorder = new MemoryProcessRecorder();
    const app = sampleApplication({ recorder }, { snapshots: { store: broken, interval: 2, onFailed } });
    const id = newOriginatorId();
    const { version } = await app.execute(stockItem, id, receive(1, 3));
    expectEqual(version, 3, 'the version after the save');
    expectTrue(failures.includes('take StockItem') || failures.includes('use StockItem'), 'somebody was told');
    failures.length = 0;
    await store.upsert({ ...sample(id, 2), aggregateType: 'StockItem', state: new Uint8Array([1, 2, 3]) });
    const damaged = sampleApplication({ recorder }, { snapshots: { store, onFailed } });
    expectEqual((await damaged.repository.load(stockItem, id)).state.quantity, 3, 'with a damaged snapshot');
    expectEqual(failures, ['use StockItem'], 'who was told');
    const initialState = (): StockItem & { readonly since: Date } => ({
      ...stockItem.initialState(),
      since: new Date(0),
    });
    const dated: Item = { ...stockItem, initialState };
    const lossy = applicationOn(store, recorder, dated).app;
    await expectRejection(lossy.takeSnapshot(dated, id), 'DATA_ERROR', 'a state that would come back as another one');
    const none = sampleApplication({ recorder });
    await expectRejection(none.takeSnapshot(stockItem, id), 'PROGRAMMING_ERROR', 'without a store');
  },
};

/** An application on a recorder of its own, and how many rows each of its reads gave. */
function applicationOn(
  store: SnapshotStore,
  recorder: ProcessRecorder = new MemoryProcessRecorder(),
  item: Item = stockItem,
): { readonly app: Application; readonly reads: number[] } {
  const reads: number[] = [];
  const counting: ProcessRecorder = {
    insertEvents: (events, options) => recorder.insertEvents(events, options),
    selectEvents: async (id, options) => {
      const rows = await recorder.selectEvents(id, options);
      reads.push(rows.length);
      return rows;
    },
    selectNotifications: (options) => recorder.selectNotifications(options),
    maxNotificationId: () => recorder.maxNotificationId(),
    maxTrackingId: (name) => recorder.maxTrackingId(name),
    hasTrackingId: (name, id) => recorder.hasTrackingId(name, id),
  };
  const app = sampleApplication({ recorder: counting }, { aggregates: [item, LogBook], snapshots: { store } });
  return { app, reads };
}

/** The suite, for every snapshot store. */
export const snapshotStoreCases: readonly Case[] = [
  keepsTheNewest,
  survivesARace,
  removes,
  takenWhenCrossed,
  loadsFromIt,
  otherShapesAreNotUsed,
  foreignHistoryIsNotUsed,
  failuresFailNothing,
];
