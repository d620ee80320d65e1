/** History that leaves a store, and who follows that: each holds back by itself what it has not taken in, and meets all of it. */
import { describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { topicsOfTypes } from '../../../src/application/events/event-origin.js';
import type {
  TruncatedHistory,
  TruncateHistoryOptions,
} from '../../../src/application/aggregates/history-truncation.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { defineProcess, send } from '../../../src/application/processes/process.js';
import { ProcessRunner } from '../../../src/application/processes/process-runner.js';
import type { ProcessRunnerOptions } from '../../../src/application/processes/process-runner.js';
import type { SqlProjection } from '../../../src/application/projections/projection.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { historyDigest } from '../../../src/persistence/history-digest.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { SqlCheckpoints } from '../../../src/persistence/sql/sql-checkpoints.js';
import type { HistoryFollower } from '../../../src/persistence/sql/log-followers.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { openTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';
import { first, openScene, receive, shelf } from '../../support/truncated-store.js';
import type { Quantity, Scene } from '../../support/truncated-store.js';

const diary = defineDecider({
  name: 'Diary',
  events: { Noted: event<Quantity>() },
  commands: { Note: command<Quantity>() },
  initialState: () => ({ count: 0 }),
  decide: { Note: ({ data }) => ({ type: 'Noted', data }) },
  evolve: { Noted: ({ count }) => ({ count: count + 1 }) },
});
const DIARY = newOriginatorId();
const ALL = Infinity;

/** By a server that has what the store has. */
async function truncate(
  { app, tab: { recorder } }: Scene,
  options: Partial<TruncateHistoryOptions> = {},
): Promise<TruncatedHistory> {
  return await app.truncateHistory({
    digests: (questions) =>
      Promise.all(
        questions.map(async ({ originatorId, after, digest, upTo }) =>
          historyDigest(await recorder.selectEvents(originatorId, { gt: after, lte: upTo }), digest),
        ),
      ),
    ...{ keepMs: 0, ...options },
  });
}

/** The versions up to which something has left, of both aggregates. */
async function left({ tab, ids }: Scene): Promise<readonly (number | undefined)[]> {
  return await Promise.all(ids.map(async (id) => (await tab.recorder.selectBase(id))?.version));
}

/** Others go on from what is there, with as many events in one unit. */
async function goOn(scene: Scene, events: number = 1): Promise<void> {
  const { recorder } = scene.tab;
  const [last] = await recorder.selectEvents(first(scene), { desc: true, limit: 1 });
  const from = last as StoredEvent;
  const next = Array.from({ length: events }, (_, at) => ({
    ...from,
    originatorVersion: from.originatorVersion + at + 1,
  }));
  await recorder.insertPage(scene.log.next({ events: next }));
}

const noting = (quantityMax: number) =>
  defineProcess({
    name: 'noting',
    from: [shelf],
    on: {
      Received: ({ data: { quantity } }) => {
        if (quantity > quantityMax) throw new Error('not yet');
        return [send(diary, DIARY, { type: 'Note', data: { quantity } })];
      },
    },
  });

interface Followed {
  readonly scene: Scene;
  readonly into: Application;
  /** Reacts to what is of that quantity at most. */
  readonly react: (quantityMax: number) => Promise<unknown>;
}

async function followed(follows: ProcessRunnerOptions['follows'], isElsewhere: boolean): Promise<Followed> {
  const scene = await openScene({ aggregates: [shelf, diary] });
  const recorder = new MemoryProcessRecorder();
  const into = isElsewhere ? new Application({ recorder, aggregates: [diary] }) : scene.app;
  const react = async (quantityMax: number): Promise<unknown> => {
    await using runner = new ProcessRunner({ process: noting(quantityMax), from: scene.app, into, follows });
    return await runner.catchUp();
  };
  return { scene, into, react };
}

const processes = [
  ['what is confirmed, into the same store', 'confirmed', false],
  ['what is confirmed, into another store', 'confirmed', true],
  ['what is recorded, into the same store', 'tentative', false],
  ['what is recorded, into another store', 'tentative', true],
] as const;

describe.each(processes)('a process that follows %s', (_, follows, isElsewhere) => {
  test('holds back what it has not reacted to, and meets all of it', async () => {
    const { scene, into, react } = await followed(follows, isElsewhere);
    await expect(react(3)).rejects.toThrow('not yet');
    const heldBackBy = { kind: 'process', name: `${scene.app.name}>noting` } as const;
    expect((await truncate(scene)).heldBackBy).toEqual(heldBackBy);
    // Of another store it is known how far it was when it began: at the start.
    expect(await left(scene)).toEqual(isElsewhere ? [undefined, undefined] : [2, 2]);
    await react(ALL);
    expect((await into.repository.load(diary, DIARY)).state.count).toBe(20);
    if (isElsewhere) return;
    await truncate(scene);
    expect(await left(scene)).toEqual([9, 9]);
  });

  test('says from time to time how far it is, also where nothing follows from what there is', async () => {
    const { scene, into, react } = await followed(follows, isElsewhere);
    await react(ALL);
    const counted = { topic: 'Shelf:Counted', state: new TextEncoder().encode('{"quantity":1}') };
    const { recorder } = scene.tab;
    await recorder.insertPage(
      scene.log.next({
        events: Array.from({ length: 1_200 }, (_unused, at) => ({
          ...{ originatorId: first(scene), originatorVersion: 11 + at, ...counted },
        })),
      }),
    );
    await using runner = new ProcessRunner({ process: noting(ALL), from: scene.app, into, follows });
    await runner.catchUp();
    await truncate(scene);
    expect((await left(scene))[1]).toBe(9);
  });

  test('does not count when somebody says that it is abandoned', async () => {
    const { scene, react } = await followed(follows, isElsewhere);
    await expect(react(3)).rejects.toThrow('not yet');
    const { heldBackBy } = await truncate(scene);
    await truncate(scene, { abandoned: [heldBackBy as HistoryFollower] });
    expect(await left(scene)).toEqual([9, 9]);
  });
});

const received: SqlProjection<'received'> = {
  name: 'received',
  topics: topicsOfTypes('received', ['Received'], [shelf]),
  tables: { received: (table) => `CREATE TABLE ${table} (quantity INTEGER NOT NULL)` },
  handle: async ({ data }, { query, tables }) => {
    await query(`INSERT INTO ${tables.received} VALUES ($1)`, [(data as Quantity).quantity]);
  },
};

test('a view in another store holds back what it has not taken in', async () => {
  const scene = await openScene();
  const { recorder } = await openTab(new SharedJournal());
  const store = new SqlProjectionStore(recorder, received);
  await using runner = new ProjectionRunner({ projection: received, store, log: scene.app });
  await runner.catchUp();
  await goOn(scene);
  expect(await truncate(scene)).toMatchObject({ heldBackBy: { kind: 'projection', name: 'received' } });
  await runner.catchUp();
  const { rows } = await recorder.query('SELECT count(*) AS count FROM received');
  expect(rows[0]?.['count']).toBe(21);
});

test('a subscription whose position is in the store holds back what it has not reached', async () => {
  const scene = await openScene();
  const { recorder } = scene.tab;
  const checkpoints = new SqlCheckpoints({ recorder, table: 'positions' });
  await checkpoints.createTables();
  const gt = (await recorder.maxNotificationId()) - 20;
  await checkpoints.save('mailer', { position: gt + 7 });
  await checkpoints.save('printer', { position: gt + 9 });
  expect((await truncate(scene)).heldBackBy).toEqual({ kind: 'subscription', name: 'mailer' });
  expect(await left(scene)).toEqual([3, 2]);
  const read: number[] = [];
  for await (const { notificationId } of scene.app.subscribe({ gt: await checkpoints.position('mailer') })) {
    read.push(notificationId);
    if (notificationId === gt + 20) break;
  }
  expect(read).toHaveLength(13);
  await checkpoints.save('mailer', { position: gt + 20 });
  expect(
    (await truncate(scene, { abandoned: [{ kind: 'subscription', name: 'printer' }] })).heldBackBy,
  ).toBeUndefined();
  expect(await left(scene)).toEqual([9, 9]);
});

test('a subscription goes back between the question and the commit: nothing leaves', async () => {
  const scene = await openScene();
  const { recorder } = scene.tab;
  const checkpoints = new SqlCheckpoints({ recorder });
  await checkpoints.createTables();
  await checkpoints.save('mailer', { position: await recorder.maxNotificationId() });
  const digests: TruncateHistoryOptions['digests'] = async (questions) => {
    await checkpoints.reset('mailer');
    await checkpoints.save('mailer', { position: 1 });
    return await scene.digests(questions);
  };
  expect((await truncate(scene, { digests })).aggregates).toEqual([]);
});

test('an outbox holds back what was decided again and has no entry in it yet', async () => {
  const scene = await openScene();
  const { recorder } = scene.tab;
  const outbox = new SqlOutbox({ recorder });
  await outbox.createTables();
  const id = crypto.randomUUID();
  await scene.app.execute(shelf, first(scene), receive(5), { unit: { id } });
  const [own] = await recorder.selectEvents(first(scene), { gt: 10 });
  const page = scene.log.next({ events: [own as StoredEvent] });
  const decided = [{ id, events: [{ ...(own as StoredEvent), originatorVersion: 12 }] }];
  // By a tab that has no such outbox.
  expect(await recorder.insertPage(page, { superseding: 'decide', decided })).toMatchObject({ isStored: true });
  await recorder.insertPage(scene.log.next({ id, events: decided[0]?.events ?? [] }));
  await goOn(scene, 2);
  const heldBackBy = { kind: 'outbox', name: 'event_outbox' };
  expect((await truncate(scene)).heldBackBy).toEqual(heldBackBy);
  expect((await truncate(scene)).heldBackBy).toEqual(heldBackBy);
  expect(await left(scene)).toEqual([10, 9]);
  const withOutbox = new Application({ recorder, aggregates: [shelf], inline: [outbox] });
  await withOutbox.changeUnits(recorder, (units) => units.insertPage(scene.log.next()));
  expect((await outbox.counts()).pending).toBe(1);
  expect((await truncate(scene)).heldBackBy).toBeUndefined();
  expect((await left(scene))[0]).toBe(13);
});

test('what is to be sent stays, with what it stands on', async () => {
  const scene = await openScene();
  const { recorder } = scene.tab;
  await scene.app.execute(shelf, first(scene), receive(5));
  await scene.app.execute(shelf, first(scene), receive(6));
  const before = await recorder.selectPendingUnits(0, { eventsMax: 10, bytesMax: 1e6 });
  await truncate(scene);
  expect(await left(scene)).toEqual([9, 9]);
  expect(await recorder.selectPendingUnits(0, { eventsMax: 10, bytesMax: 1e6 })).toEqual(before);
  expect(before).toHaveLength(2);
});

test('nothing leaves, and nobody is asked, while a server is given back what it has lost, or its log is followed anew', async () => {
  const scene = await openScene();
  const { recorder } = scene.tab;
  const { marks } = await recorder.syncProgress();
  const digests = (): never => {
    throw new Error('asked');
  };
  expect(await recorder.rewind(marks[1] as string)).toBe(true);
  const held = { aggregates: [], hasMore: false, heldBackBy: { kind: 'sync', name: 'sync' } };
  expect(await truncate(scene, { digests })).toMatchObject(held);
  const anew = await openScene();
  expect(await anew.tab.recorder.followAnew((await anew.tab.recorder.syncProgress()).cursor)).toBe(true);
  expect(await truncate(anew, { digests })).toMatchObject(held);
});

test('who is abandoned is named as it is by whoever it holds back', async () => {
  const scene = await openScene();
  for (const abandoned of ['received', [{ kind: 'process' }], [undefined]] as unknown[]) {
    const options = { abandoned } as Partial<TruncateHistoryOptions>;
    await expect(truncate(scene, options)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  }
});
