/** Applications whose confirmed history has left the store: what loads, what is told, and who is not overtaken. */
import { expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { ApplicationOptions } from '../../../src/application/application-options.js';
import { SqlSubjectKeys } from '../../../src/application/personal/sql-subject-keys.js';
import { followForgetting, subjectForgetting } from '../../../src/application/personal/forgetting.js';
import { MemorySubjectKeys } from '../../../src/application/personal/memory-subject-keys.js';
import { claimTracking } from '../../../src/application/processes/followed-log.js';
import { MemoryProjectionStore } from '../../../src/application/projections/memory-projection-store.js';
import { memoryProjection } from '../../../src/application/projections/projection.js';
import { topicsOfTypes } from '../../../src/application/events/event-origin.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import type { SqlProjection } from '../../../src/application/projections/projection.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { HistoryTruncatedError } from '../../../src/persistence/errors.js';
import { historyDigest } from '../../../src/persistence/history-digest.js';
import type { HistoryQuestion } from '../../../src/persistence/history-digest.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { LogPages } from '../../../src/testing/conformance/log-pages.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';

interface Quantity {
  readonly quantity: number;
}

const shelfOf = (stateVersion: number) =>
  defineDecider({
    name: 'Shelf',
    stateVersion,
    events: { Received: event<Quantity>(), Counted: event<Quantity>() },
    commands: { Receive: command<Quantity>(), Count: command<Quantity>() },
    initialState: () => ({ quantity: 0, received: 0 }),
    decide: {
      Receive: ({ data }) => ({ type: 'Received', data }),
      Count: ({ data }) => ({ type: 'Counted', data }),
    },
    evolve: {
      Received: ({ quantity, received }, { data }) => ({ quantity: quantity + data.quantity, received: received + 1 }),
      Counted: ({ received }, { data }) => ({ quantity: data.quantity, received }),
    },
  });
const shelf = shelfOf(1);

const receive = (quantity: number) => ({ type: 'Receive', data: { quantity } }) as const;

interface Scene {
  readonly journal: SharedJournal;
  readonly tab: OwnTablesTab;
  readonly ids: readonly string[];
  readonly app: Application;
  /** Answers as a server that has all that others have recorded. */
  readonly digests: (questions: readonly HistoryQuestion[]) => Promise<readonly (string | undefined)[]>;
  readonly older: (id: string, upTo: number) => Promise<readonly StoredEvent[]>;
}

/** Two shelves with ten events each of others, all confirmed. */
async function open(options: Partial<ApplicationOptions> = {}): Promise<Scene> {
  const theirs = await openTab(new SharedJournal());
  const journal = new SharedJournal();
  const tab = await openTab(journal);
  const ids = [newOriginatorId(), newOriginatorId()];
  const others = new Application({ recorder: theirs.recorder, aggregates: [shelf] });
  for (let turn = 1; turn <= 10; turn++) for (const id of ids) await others.execute(shelf, id, receive(turn));
  const log = await LogPages.after(tab.recorder);
  const events = await theirs.recorder.selectNotifications({ start: 1, limit: 100 });
  await tab.recorder.insertPage(log.next(...events.map(({ id: _id, ...stored }) => ({ events: [stored] }))));
  const older = (id: string, upTo: number): Promise<readonly StoredEvent[]> =>
    theirs.recorder.selectEvents(id, { lte: upTo });
  return {
    ...{ journal, tab, ids, older },
    app: new Application({ recorder: tab.recorder, aggregates: [shelf], ...options }),
    digests: async (questions) =>
      await Promise.all(
        questions.map(async ({ originatorId, upTo }) => historyDigest(await older(originatorId, upTo))),
      ),
  };
}

const first = ({ ids }: Scene): string => ids[0] as string;
const stateOf = async (app: Application, id: string, definition = shelf): Promise<unknown> =>
  (await app.repository.load(definition, id)).state;

test('an aggregate loads as before, also when there is more, from what stands for the events that have left', async () => {
  const scene = await open();
  const { app, tab, digests, ids } = scene;
  const before = await stateOf(app, first(scene));
  const truncated = await app.truncateHistory({ digests, keepMs: 0 });
  expect(truncated).toEqual({ aggregates: expect.arrayContaining([...ids]) as unknown, differing: [], hasMore: false });
  expect((await tab.recorder.query('SELECT count(*) AS count FROM stored_events')).rows).toEqual([{ count: 2 }]);
  expect(await stateOf(app, first(scene))).toEqual(before);
  await app.execute(shelf, first(scene), receive(5));
  expect(await stateOf(app, first(scene))).toEqual({ quantity: 60, received: 11 });
  expect((await app.repository.load(shelf, first(scene), { version: 10 })).state).toEqual(before);
  // What is pending stays; nothing more is old enough.
  expect(await app.truncateHistory({ digests, keepMs: 0 })).toEqual({ aggregates: [], differing: [], hasMore: false });
});

test('an older version, the history, and another shape of the state are told, or made of what the server gives', async () => {
  const scene = await open();
  const { app, tab, digests, older } = scene;
  await app.truncateHistory({ digests, keepMs: 0 });
  const id = first(scene);
  await expect(app.repository.load(shelf, id, { version: 3 })).rejects.toThrow(HistoryTruncatedError);
  await expect(app.repository.history(shelf, id)).rejects.toMatchObject({ code: 'HISTORY_TRUNCATED' });
  const next = shelfOf(2);
  const changed = new Application({ recorder: tab.recorder, aggregates: [next] });
  await expect(stateOf(changed, id, next)).rejects.toMatchObject({
    code: 'HISTORY_TRUNCATED',
    details: { version: 9 },
  });
  const asking = new Application({ recorder: tab.recorder, aggregates: [shelf], olderEvents: older });
  expect((await asking.repository.load(shelf, id, { version: 3 })).state).toEqual({ quantity: 6, received: 3 });
  expect((await asking.repository.history(shelf, id)).map((one) => one.originatorVersion)).toHaveLength(10);
  expect(await asking.repository.history(shelf, id, { desc: true, limit: 3, lte: 5 })).toMatchObject([
    { originatorVersion: 5 },
    { originatorVersion: 4 },
    { originatorVersion: 3 },
  ]);
  const upgraded = new Application({ recorder: tab.recorder, aggregates: [next], olderEvents: older });
  expect(await stateOf(upgraded, id, next)).toEqual({ quantity: 55, received: 10 });
  const lying = new Application({
    ...{ recorder: tab.recorder, aggregates: [shelf] },
    olderEvents: async (_id, upTo) => await older(scene.ids[1] as string, upTo),
  });
  await expect(lying.repository.history(shelf, id)).rejects.toMatchObject({ code: 'DATA_ERROR' });
});

test('what the server does not say the same of stays', async () => {
  const scene = await open();
  const { app, digests, ids } = scene;
  const one = first(scene);
  const lossy = async (questions: readonly HistoryQuestion[]): Promise<readonly (string | undefined)[]> =>
    (await digests(questions)).map((digest, index) => (questions[index]?.originatorId === one ? undefined : digest));
  expect(await app.truncateHistory({ digests: lossy, keepMs: 0 })).toMatchObject({
    aggregates: [ids[1]],
    differing: [one],
  });
  expect(await app.repository.history(shelf, one)).toHaveLength(10);
  const failing = app.truncateHistory({ digests: () => Promise.reject(new RangeError('offline')), keepMs: 0 });
  await expect(failing).rejects.toThrow('offline');
  expect(await app.repository.history(shelf, one)).toHaveLength(10);
});

test('what is not old enough stays, by time and by number; and later truncations go on from the ones before', async () => {
  const scene = await open();
  const { app, digests, tab } = scene;
  const one = first(scene);
  const versionOf = async (): Promise<number | undefined> => (await tab.recorder.selectBase(one))?.version;
  expect((await app.truncateHistory({ digests })).aggregates).toEqual([]);
  // The log has its 20 events a millisecond apart, of the two shelves by turns.
  await app.truncateHistory({ digests, keepMs: 12 });
  expect(await versionOf()).toBe(3);
  await app.truncateHistory({ digests, keepMs: 0, keepEvents: 6 });
  expect(await versionOf()).toBe(6);
  await app.truncateHistory({ digests, keepMs: 0 });
  expect(await versionOf()).toBe(9);
  expect(await stateOf(app, one)).toEqual({ quantity: 55, received: 10 });
  await expect(app.truncateHistory({ digests, keepMs: -1 })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
});

const counted = memoryProjection({
  name: 'counted',
  from: [shelf],
  initialState: () => 0,
  on: { Received: (count) => count + 1 },
});

test('who begins at the start, in memory, is told that a part has left, and is given nothing', async () => {
  const { app, digests } = await open();
  await app.truncateHistory({ digests, keepMs: 0 });
  const store = new MemoryProjectionStore(counted);
  await using runner = new ProjectionRunner({ projection: counted, store, log: app });
  await runner.start();
  await expect(runner.waitFor(20)).rejects.toMatchObject({ cause: { code: 'HISTORY_TRUNCATED' } });
  await expect(app.log.select({ start: 1, limit: 10 })).rejects.toMatchObject({ code: 'HISTORY_TRUNCATED' });
});

const received: SqlProjection<'received'> = {
  name: 'received',
  topics: topicsOfTypes('received', ['Received'], [shelf]),
  tables: { received: (table) => `CREATE TABLE ${table} (id TEXT PRIMARY KEY, quantity INTEGER NOT NULL)` },
  handle: async ({ originatorId, data }, { query, tables }) => {
    const { quantity } = data as Quantity;
    await query(
      `INSERT INTO ${tables.received} VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET quantity = quantity + excluded.quantity`,
      [originatorId, quantity],
    );
  },
};

test('a follower whose position is in the store is not overtaken, though it moves while history is about to leave', async () => {
  const scene = await open();
  const { app, digests, tab } = scene;
  const store = new SqlProjectionStore(tab.recorder, received);
  await store.setUp();
  const behind = {
    text: `SELECT min(position) >= $1 FROM projection_checkpoints WHERE is_live >= 0`,
    values: [20],
  };
  const bounded = { digests, keepMs: 0, upTo: 20, provided: [behind] };
  expect((await app.truncateHistory(bounded)).aggregates).toEqual([]);
  const advance = async (from: number, to: number): Promise<void> => {
    const events = await tab.recorder.selectNotifications({ start: from + 1, limit: to - from });
    await store.transaction('live', async (transaction) => {
      for (const stored of events) await received.handle(await app.decode(stored), transaction.view);
      await transaction.advance(to);
    });
  };
  await advance(0, 13);
  expect((await app.truncateHistory(bounded)).aggregates).toEqual([]);
  // It gets there between the question and the commit.
  const meanwhile = async (questions: readonly HistoryQuestion[]): Promise<readonly (string | undefined)[]> => {
    await advance(13, 20);
    return await digests(questions);
  };
  expect((await app.truncateHistory({ ...bounded, digests: meanwhile })).aggregates).toHaveLength(2);
  expect((await tab.recorder.query('SELECT sum(quantity) AS sum FROM received')).rows).toEqual([{ sum: 110 }]);
});

test('two tabs hold the same, whichever of them truncates, and so does one that opens afterwards', async () => {
  const scene = await open();
  const { journal, tab, digests } = scene;
  const other = await openTab(journal);
  const apps = [tab, other].map(({ recorder }) => new Application({ recorder, aggregates: [shelf] }));
  const [here, there] = apps as [Application, Application];
  // Both at once: the second one finds that nothing is left to do, or does the rest.
  await Promise.all([
    here.truncateHistory({ digests, keepMs: 0 }),
    there.truncateHistory({ digests, keepMs: 5 }),
    there.execute(shelf, first(scene), receive(1)),
  ]);
  expect(await stateOf(here, first(scene))).toEqual(await stateOf(there, first(scene)));
  const late = await openTab(journal);
  await tab.recorder.checkpoint();
  const tables = ['stored_events', 'daybook_units', 'daybook_bases', 'daybook_marks'];
  const contents = async ({ recorder }: OwnTablesTab): Promise<unknown> =>
    await Promise.all(tables.map(async (table) => (await recorder.query(`SELECT * FROM ${table} ORDER BY 1, 2`)).rows));
  const expected = await contents(tab);
  expect(await contents(other)).toEqual(expected);
  expect(await contents(late)).toEqual(expected);
  expect(await contents(await openTab(journal))).toEqual(expected);
});

test('a log is known by its first event, though that has left', async () => {
  const { app, digests } = await open();
  const into = await open();
  const followed = { from: app, into: into.app };
  expect(await claimTracking('stock', followed)).toBe(true);
  await app.truncateHistory({ digests, keepMs: 0 });
  expect(await claimTracking('stock', followed)).toBe(true);
  const { app: stranger } = await open();
  await expect(claimTracking('stock', { ...followed, from: stranger })).rejects.toMatchObject({
    code: 'PROGRAMMING_ERROR',
  });
});

test('nothing leaves of aggregates with something personal: what stood for it would not be forgotten', async () => {
  const { tab, digests } = await open();
  const personal = { note: { subject: ({ by }: { by: string }) => by, forgotten: '' } };
  const noted = defineDecider({
    ...{ name: 'Shelf', commands: {}, initialState: () => 0, decide: {} },
    events: {
      Received: event<Quantity>(),
      Counted: event<Quantity>(),
      Noted: event<{ by: string; note: string }>({ personal }),
    },
    evolve: { Received: (state) => state, Counted: (state) => state, Noted: (state) => state },
  });
  const app = new Application({ recorder: tab.recorder, aggregates: [noted], subjectKeys: new MemorySubjectKeys() });
  expect((await app.truncateHistory({ digests, keepMs: 0 })).aggregates).toEqual([]);
  expect(await tab.recorder.selectNotifications({ start: 1, limit: 100 })).toHaveLength(20);
});

test('that somebody was forgotten is heard of by a store whose first events have left', async () => {
  const { tab, digests } = await open();
  const app = new Application({ recorder: tab.recorder, aggregates: [shelf, subjectForgetting] });
  expect((await app.truncateHistory({ digests, keepMs: 0 })).aggregates).toHaveLength(2);
  await app.execute(subjectForgetting, newOriginatorId(), { type: 'DestroyKeys', data: { keyIds: ['k'] } });
  const closing = new AbortController();
  const failures: unknown[] = [];
  const destroyed = await new Promise((resolve) => {
    const destroy = async (ids: readonly string[]): Promise<void> => {
      resolve(ids);
    };
    const keys = Object.assign(new SqlSubjectKeys({ recorder: tab.recorder }), { destroy });
    void followForgetting(app, keys, { signal: closing.signal, onFailed: (error) => failures.push(error) });
  });
  closing.abort();
  expect(destroyed).toEqual(['k']);
  expect(failures).toEqual([]);
});
