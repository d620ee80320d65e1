/** Aggregates of a synchronised store, whose past changes under events that stay: what is kept of them is not used then. */
import { describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { ApplicationOptions } from '../../../src/application/application-options.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { Aggregate } from '../../../src/domain/aggregate.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { MemorySnapshotStore } from '../../../src/persistence/memory/memory-snapshot-store.js';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import type { PendingUnit } from '../../../src/persistence/unit.js';
import { derivedEdition } from '../../../src/persistence/unit-edition.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { LogPages } from '../../../src/testing/conformance/log-pages.js';
import { PageIntake } from '../../../src/sync/exchange/page-intake.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';

interface Quantity {
  readonly quantity: number;
}

const events = { Received: event<Quantity>({ isCommutative: true }), Counted: event<Quantity>() };

const shelf = defineDecider({
  name: 'Shelf',
  events,
  commands: { Receive: command<Quantity>(), Count: command<Quantity>(), Double: command() },
  initialState: () => ({ quantity: 0 }),
  decide: {
    Receive: ({ data }) => ({ type: 'Received', data }),
    Count: ({ data }) => ({ type: 'Counted', data }),
    Double: (_command, { quantity }) => ({ type: 'Counted', data: { quantity: 2 * quantity } }),
  },
  evolve: {
    Received: (state, { data }) => ({ quantity: state.quantity + data.quantity }),
    Counted: (_state, { data }) => data,
  },
});

class Bin extends Aggregate.of('Shelf', events) {
  quantity = 0;

  onReceived({ quantity }: Quantity): void {
    this.quantity += quantity;
  }

  onCounted({ quantity }: Quantity): void {
    this.quantity = quantity;
  }
}

const receive = (quantity: number) => ({ type: 'Receive', data: { quantity } }) as const;
const count = (quantity: number) => ({ type: 'Count', data: { quantity } }) as const;

interface Scene {
  readonly tab: OwnTablesTab;
  readonly app: Application;
  readonly id: string;
  /** Brings the next event that others have recorded, and has decided again what gives way, if somebody decides. */
  readonly bring: (decider?: Application) => Promise<void>;
}

async function open(options: (tab: OwnTablesTab) => Promise<Partial<ApplicationOptions>>): Promise<Scene> {
  const theirs = await openTab(new SharedJournal());
  const tab = await openTab(new SharedJournal());
  const id = newOriginatorId();
  const others = new Application({ recorder: theirs.recorder, aggregates: [shelf] });
  await others.execute(shelf, id, receive(10));
  await others.execute(shelf, id, count(50));
  const rows = [...(await theirs.recorder.selectEvents(id))];
  const log = await LogPages.after(tab.recorder);
  const bring = async (decider?: Application): Promise<void> => {
    const intake = new PageIntake({ recorder: tab.recorder, ownOnly: false, decider, onRebased: undefined });
    await intake.insert(log.next({ events: rows.splice(0, 1) }));
  };
  await bring();
  return {
    tab,
    id,
    bring,
    app: new Application({ recorder: tab.recorder, aggregates: [shelf], ...(await options(tab)) }),
  };
}

const KEEPING: Record<string, (tab: OwnTablesTab) => Promise<Partial<ApplicationOptions>>> = {
  'a cache': async () => ({ cache: {} }),
  'a cache of classes': async () => ({ cache: {}, aggregates: [Bin] }),
  snapshots: async ({ recorder }) => {
    const store = new SqlSnapshotStore({ recorder });
    await store.createTables();
    return { snapshots: { store, interval: 3 } };
  },
};

/** Does something between what is read next and what becomes of it. */
function afterNextRead({ tab: { recorder } }: Scene, work: () => Promise<void>): void {
  const selectPast = recorder.selectPast.bind(recorder);
  recorder.selectPast = async (...asked) => {
    const past = await selectPast(...asked);
    recorder.selectPast = selectPast;
    await work();
    return past;
  };
}

describe.each(Object.entries(KEEPING))('with %s', (what, options) => {
  const Definition = what === 'a cache of classes' ? Bin : shelf;
  const record = async ({ app, id }: Scene, type: 'Received' | 'Counted', quantity: number): Promise<void> => {
    await app.append(Definition, id, [{ type, data: { quantity } }], 'any', {
      unit: { isCommutative: type === 'Received' },
    });
    await quantityOf(app, id);
  };
  const quantityOf = async (app: Application, id: string): Promise<number> => {
    if (Definition === Bin) return (await app.repository.get(Bin, id)).quantity;
    return (await app.repository.load(shelf, id)).state.quantity;
  };

  test('an event that stays at its version, on another past, does not bring back the old one', async () => {
    const scene = await open(options);
    await record(scene, 'Counted', 20);
    await record(scene, 'Received', 3);
    expect(await quantityOf(scene.app, scene.id)).toBe(23);
    await scene.bring();
    // The count gave way, so that what was received is at version 3 as before.
    const [last] = await scene.tab.recorder.selectEvents(scene.id, { desc: true, limit: 1 });
    expect([last?.originatorVersion, last?.topic]).toEqual([3, 'Shelf:Received']);
    expect(await quantityOf(scene.app, scene.id)).toBe(53);
    await record(scene, 'Received', 4);
    expect(await quantityOf(scene.app, scene.id)).toBe(57);
  });

  test('an event that was moved does not stand for itself where it was', async () => {
    const scene = await open(options);
    await record(scene, 'Received', 1);
    await record(scene, 'Received', 2);
    await scene.bring();
    expect(await quantityOf(scene.app, scene.id)).toBe(53);
    await record(scene, 'Received', 4);
    expect(await quantityOf(scene.app, scene.id)).toBe(57);
    // As in a new process, which has nothing but what was stored.
    const anew = new Application({
      recorder: scene.tab.recorder,
      aggregates: [shelf],
      ...(await options(scene.tab)),
    });
    expect(await quantityOf(anew, scene.id)).toBe(57);
  });

  test('what nothing has changed under is used', async () => {
    const scene = await open(options);
    await record(scene, 'Received', 1);
    await record(scene, 'Received', 2);
    const asked: (number | undefined)[] = [];
    const { recorder } = scene.tab;
    const selectPast = recorder.selectPast.bind(recorder);
    recorder.selectPast = (id, select) => {
      asked.push(select?.gt);
      return selectPast(id, select);
    };
    expect(await quantityOf(scene.app, scene.id)).toBe(13);
    expect(asked).toEqual([2]);
  });
});

test('a page that comes between what is read and what is kept leaves nothing wrong behind', async () => {
  const scene = await open(async () => ({ cache: {} }));
  const { id, tab } = scene;
  await scene.app.execute(shelf, id, count(20));
  await scene.app.execute(shelf, id, receive(3));
  const { recorder } = tab;
  const app = new Application({ recorder, aggregates: [shelf], cache: {} });
  afterNextRead(scene, () => scene.bring());
  expect((await app.repository.load(shelf, id)).state.quantity).toBe(23);
  expect((await app.repository.load(shelf, id)).state.quantity).toBe(53);
});

const double = { type: 'Double', data: {} } as const;

describe('a page that leaves an aggregate as long as it was, between what is decided on and what is recorded', () => {
  const withoutParticipants = async (): Promise<Partial<ApplicationOptions>> => ({});
  const KINDS: Record<string, (tab: OwnTablesTab) => Promise<Partial<ApplicationOptions>>> = {
    'by itself': withoutParticipants,
    'with a cache': async () => ({ cache: {} }),
    'with others in its transaction': async () => ({ inline: [{ onRecorded: () => Promise.resolve() }] }),
  };

  test.each(Object.entries(KINDS))('is a conflict of a command, %s', async (_name, options) => {
    const scene = await open(options);
    const { app, id } = scene;
    await app.execute(shelf, id, count(20));
    afterNextRead(scene, () => scene.bring());
    const tried = await app.tryExecute(shelf, id, double);
    expect(tried.ok || tried.conflict.details).toEqual({
      ...{ aggregateType: 'Shelf', aggregateId: id, expected: 2, actual: 2 },
    });
    expect((await app.repository.load(shelf, id)).state.quantity).toBe(50);
  });

  test('is decided again where somebody asks for that', async () => {
    const scene = await open(async () => ({}));
    const { app, id } = scene;
    await app.execute(shelf, id, count(20));
    afterNextRead(scene, () => scene.bring());
    const { state } = await app.execute(shelf, id, double, { retry: { attemptsMax: 2 } });
    expect(state.quantity).toBe(100);
    expect((await app.repository.load(shelf, id)).version).toBe(3);
  });

  test('is one too where the last event stays what it was, and what is before it does not', async () => {
    const scene = await open(async () => ({}));
    const { app, id } = scene;
    await app.execute(shelf, id, count(20));
    await app.execute(shelf, id, receive(3));
    afterNextRead(scene, () => scene.bring());
    await expect(app.execute(shelf, id, double)).rejects.toMatchObject({ code: 'CONCURRENCY_ERROR' });
    expect((await app.execute(shelf, id, double)).state.quantity).toBe(106);
  });

  test('is a conflict of an object that was loaded before, and of one that was saved before', async () => {
    const scene = await open(async () => ({ aggregates: [Bin] }));
    const { app, id } = scene;
    await app.append(Bin, id, [{ type: 'Counted', data: { quantity: 20 } }]);
    const loaded = await app.repository.load(Bin, id);
    const saved = await app.repository.load(Bin, id);
    saved.apply('Received', { quantity: 1 });
    await app.save(saved);
    saved.apply('Received', { quantity: 2 });
    await app.save(saved);
    loaded.apply('Received', { quantity: 4 });
    saved.apply('Received', { quantity: 4 });
    await scene.bring();
    expect((await app.repository.load(Bin, id)).version).toBe(saved.version - 1);
    await expect(app.save(loaded)).rejects.toMatchObject({ code: 'CONCURRENCY_ERROR' });
    await expect(app.save(saved)).rejects.toMatchObject({ code: 'CONCURRENCY_ERROR' });
    expect((await app.repository.load(Bin, id)).quantity).toBe(53);
  });

  test('of an aggregate that the page shortens, too', async () => {
    const scene = await open(async () => ({}));
    const { app, id } = scene;
    for (const quantity of [20, 30, 40]) await app.execute(shelf, id, count(quantity));
    afterNextRead(scene, () => scene.bring());
    await expect(app.execute(shelf, id, double)).rejects.toMatchObject({
      ...{ code: 'CONCURRENCY_ERROR', details: { expected: 4, actual: 2 } },
    });
    expect((await app.execute(shelf, id, double)).version).toBe(3);
  });
});

describe('an application in a transaction of somebody else', () => {
  const inTransaction = async <T>(
    { tab }: Scene,
    options: Partial<ApplicationOptions>,
    work: (app: Application) => Promise<T>,
  ): Promise<T> =>
    await tab.recorder.transaction((recorder) => work(new Application({ recorder, aggregates: [shelf], ...options })));

  test('makes no use of a snapshot whose past has changed', async () => {
    const scene = await open(async () => ({}));
    const snapshots = { store: new MemorySnapshotStore(), interval: 3 };
    const { id, tab } = scene;
    const app = new Application({ recorder: tab.recorder, aggregates: [shelf], snapshots });
    await app.execute(shelf, id, count(20));
    await app.execute(shelf, id, receive(3));
    const quantity = async (): Promise<number> =>
      await inTransaction(scene, { snapshots }, async (lent) => (await lent.repository.load(shelf, id)).state.quantity);
    expect(await quantity()).toBe(23);
    await scene.bring();
    expect(await quantity()).toBe(53);
  });

  test('decides on what it has recorded itself, with what it keeps', async () => {
    const scene = await open(async () => ({}));
    const quantities = await inTransaction(scene, { cache: {} }, async (app) => {
      const first = await app.execute(shelf, scene.id, count(20));
      const second = await app.execute(shelf, scene.id, double);
      const third = await app.execute(shelf, scene.id, double);
      return [first, second, third].map(({ state }) => state.quantity);
    });
    expect(quantities).toEqual([20, 40, 80]);
    expect((await scene.app.execute(shelf, scene.id, double)).state.quantity).toBe(160);
  });
});

test('what is decided again is decided on what is there then, and not on a snapshot of what gave way', async () => {
  const { app, id, tab, bring } = await open(async (at) => ({
    ...(await KEEPING['snapshots']?.(at)),
    keepCommands: true,
  }));
  await app.execute(shelf, id, { type: 'Double', data: {} });
  await app.execute(shelf, id, receive(3));
  // At version 3, where the snapshot is, is what was received: before and after.
  await app.execute(shelf, id, { type: 'Double', data: {} });
  await bring(app);
  const rows = await tab.recorder.selectEvents(id);
  expect(rows.map(({ topic }) => topic)).toEqual([
    ...['Shelf:Received', 'Shelf:Counted', 'Shelf:Received'],
    ...['Shelf:Counted', 'Shelf:Counted'],
  ]);
  expect((await app.repository.load(shelf, id)).state.quantity).toBe(4 * 53);
});

test('who follows by local ids sees each event once, and an index finds it, wherever it was moved to', async () => {
  const { recorder } = await openTab(new SharedJournal());
  const index = new SqlEventIndex({ recorder });
  await index.createTables();
  const scene = await open(async () => ({}));
  const id = newOriginatorId();
  const app = new Application({ recorder, aggregates: [shelf], inline: [index] });
  const log = await LogPages.after(recorder);
  const theirs = await scene.tab.recorder.selectEvents(scene.id);
  const bring = async (version: number): Promise<void> => {
    const events = theirs.map((stored) => ({ ...stored, originatorId: id, originatorVersion: version }));
    await recorder.insertPage(log.next({ events }));
  };
  await bring(1);
  const seen: number[] = [];
  const follow = async (): Promise<void> => {
    for await (const { data, notificationId } of app.readAll({ gt: position })) {
      position = notificationId;
      seen.push((data as Quantity).quantity);
    }
  };
  let position = 0;
  const { events: saved, notificationIds } = await app.execute(shelf, id, receive(1));
  await follow();
  await bring(2);
  await follow();
  const [pending] = await recorder.selectPendingUnits(0, { eventsMax: 10, bytesMax: 1e6 });
  await recorder.insertPage(log.next({ events: theirs.map((e) => ({ ...e, originatorId: id, originatorVersion: 3 })) }, { ...(pending as PendingUnit), events: (pending as PendingUnit).events.map((e) => ({ ...e, originatorVersion: 4 })), edition: derivedEdition({ ...(pending as PendingUnit), after: [] }) })); // prettier-ignore
  await follow();
  expect((await app.repository.load(shelf, id)).version).toBe(4);
  expect(seen).toEqual([10, 1, 10, 10]);
  const found = await index.findEvent(saved[0]?.metadata.eventId as string);
  expect(found).toMatchObject({ notificationId: notificationIds[0], aggregateId: id });
  await expect(app.execute(shelf, id, receive(2))).resolves.toMatchObject({ version: 5 });
});
