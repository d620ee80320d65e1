/** Applications whose confirmed history has left the store: what loads, what is told, and who is not overtaken. */
import { expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { SqlSubjectKeys } from '../../../src/application/personal/sql-subject-keys.js';
import { followForgetting, subjectForgetting } from '../../../src/application/personal/forgetting.js';
import { MemorySubjectKeys } from '../../../src/application/personal/memory-subject-keys.js';
import { claimTracking } from '../../../src/application/processes/followed-log.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { event } from '../../../src/domain/message-types.js';
import { HistoryTruncatedError } from '../../../src/persistence/errors.js';
import type { HistoryQuestion } from '../../../src/persistence/history-digest.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { first, openScene, receive, shelf, shelfOf, stateOf } from '../../support/truncated-store.js';
import type { Quantity } from '../../support/truncated-store.js';

test('an aggregate loads as before, also when there is more, from what stands for the events that have left', async () => {
  const scene = await openScene();
  const { app, tab, digests, ids } = scene;
  const before = await stateOf(app, first(scene));
  const truncated = await app.truncateHistory({ digests, keepMs: 0 });
  expect(truncated).toEqual({
    ...{ aggregates: expect.arrayContaining([...ids]) as unknown, differing: [], skipped: [] },
    ...{ hasMore: false, heldBackBy: undefined },
  });
  expect((await tab.recorder.query('SELECT count(*) AS count FROM stored_events')).rows).toEqual([{ count: 2 }]);
  expect(await stateOf(app, first(scene))).toEqual(before);
  await app.execute(shelf, first(scene), receive(5));
  expect(await stateOf(app, first(scene))).toEqual({ quantity: 60, received: 11 });
  expect((await app.repository.load(shelf, first(scene), { version: 10 })).state).toEqual(before);
  // What is pending stays; nothing more is old enough.
  expect(await app.truncateHistory({ digests, keepMs: 0 })).toMatchObject({ aggregates: [], hasMore: false });
});

test('an older version, the history, and another shape of the state are told, or made of what the server gives', async () => {
  const scene = await openScene();
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
  const scene = await openScene();
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
  const scene = await openScene();
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

test('an aggregate that stays is passed by: another one leaves, and there is no more of what could', async () => {
  const scene = await openScene();
  const { app, digests, ids } = scene;
  const calls: string[] = [];
  const lossy = async (questions: readonly HistoryQuestion[]): Promise<readonly (string | undefined)[]> => {
    const [question] = questions;
    calls.push(question?.originatorId ?? '');
    return question?.originatorId === [...ids].sort()[0] ? [undefined] : await digests(questions);
  };
  const truncated = await app.truncateHistory({ digests: lossy, keepMs: 0, aggregatesMax: 1 });
  const [one, other] = [...ids].sort();
  expect(truncated).toMatchObject({ aggregates: [other], differing: [one], hasMore: false });
  expect(calls).toHaveLength(2);
});

test('two tabs hold the same, whichever of them truncates, and so does one that opens afterwards', async () => {
  const scene = await openScene();
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
  const { app, digests } = await openScene();
  const into = await openScene();
  const followed = { from: app, into: into.app };
  expect(await claimTracking('stock', followed)).toBe(true);
  await app.truncateHistory({ digests, keepMs: 0 });
  expect(await claimTracking('stock', followed)).toBe(true);
  const { app: stranger } = await openScene();
  await expect(claimTracking('stock', { ...followed, from: stranger })).rejects.toMatchObject({
    code: 'PROGRAMMING_ERROR',
  });
});

test('nothing leaves of aggregates with something personal: what stood for it would not be forgotten', async () => {
  const { tab, digests } = await openScene();
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
  const { tab, digests } = await openScene();
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
