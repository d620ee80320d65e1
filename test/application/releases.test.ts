/** Releases of one application over one store: what a device that is too old does, and says. */
import { describe, expect, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import type { ApplicationOptions } from '../../src/application/application-options.js';
import { NewerEventsWatch } from '../../src/application/log/newer-events.js';
import { defineDecider } from '../../src/domain/decider.js';
import { event } from '../../src/domain/message-types.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';
import { historyDigest } from '../../src/persistence/history-digest.js';
import type { HistoryQuestion } from '../../src/persistence/history-digest.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { LogPages } from '../../src/testing/conformance/log-pages.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { openTab } from '../support/own-tables-tab.js';
import { articleOf, commandOf } from '../support/releases.js';
import type { Release } from '../support/releases.js';
import { SharedJournal } from '../support/shared-journal.js';

const recorder = new MemoryProcessRecorder();

function appOf(release: Release, options: Partial<ApplicationOptions> = {}): Application {
  return new Application({ recorder, aggregates: [articleOf(release)], ...options });
}

const TOO_OLD = { code: 'APPLICATION_TOO_OLD', name: 'ApplicationTooOldError' };

describe('a command on an aggregate that a newer release has recorded of', () => {
  test.each([
    ['a type of event that is not known', 'Damage', { topic: 'Article:Damaged' }],
    ['a version of an event that is not known', 'Receive', { topic: 'Article:Received', stored: 2, known: 1 }],
  ])('is refused for %s, and nothing is stored', async (_what, type, details) => {
    const id = newOriginatorId();
    const [old, newer] = [appOf(1), appOf(2)];
    await old.execute(articleOf(1), id, commandOf('Receive', 5));
    await newer.execute(articleOf(2), id, commandOf(type));
    const head = await recorder.maxNotificationId();
    const refused = {
      ...TOO_OLD,
      details: { aggregateType: 'Article', aggregateId: id, originatorVersion: 2, ...details },
    };
    for (const retry of [undefined, { attemptsMax: 3 }])
      await expect(old.execute(articleOf(1), id, commandOf('Receive'), { retry })).rejects.toMatchObject(refused);
    await expect(old.repository.load(articleOf(1), id)).rejects.toMatchObject(TOO_OLD);
    expect((await old.repository.load(articleOf(1), id, { version: 1 })).state).toMatchObject({ free: 5 });
    expect(await recorder.maxNotificationId()).toBe(head);
    // Others are none of its concern.
    await old.execute(articleOf(1), newOriginatorId(), commandOf('Receive'));
    await newer.execute(articleOf(2), id, commandOf('Receive'));
  });

  test('is refused where the first event is not known; an event of somebody else is no newer one', async () => {
    const [id, other] = [newOriginatorId(), newOriginatorId()];
    await appOf(3).execute(articleOf(3), id, commandOf('Name'));
    await recorder.insertEvents([sampleEvent(other, 1, 'Elsewhere:Happened')]);
    await expect(appOf(1).execute(articleOf(1), id, commandOf('Receive'))).rejects.toMatchObject(TOO_OLD);
    await expect(appOf(1).repository.load(articleOf(1), other)).rejects.toMatchObject({ code: 'TOPIC_ERROR' });
  });

  test.each([
    ['snapshots', () => ({ snapshots: { store: new MemorySnapshotStore(), interval: 3 } })],
    ['no snapshots', () => ({})],
  ])('is refused with %s: what a newer release made of the events is not decided on', async (_what, make) => {
    const options = make();
    const id = newOriginatorId();
    const [old, newer] = [appOf(1, options), appOf(2, options)];
    // The shape of the state is the same, and all that comes after the snapshot is known to both.
    await newer.execute(articleOf(2), id, commandOf('Receive', 5));
    await newer.execute(articleOf(2), id, commandOf('Damage', 1));
    await newer.execute(articleOf(2), id, commandOf('Reserve', 1));
    await newer.execute(articleOf(2), id, commandOf('Reserve', 1));
    await expect(old.execute(articleOf(1), id, commandOf('Reserve'))).rejects.toMatchObject(TOO_OLD);
    expect(await newer.execute(articleOf(2), id, commandOf('Reserve'))).toMatchObject({
      state: { free: 1, damaged: 1 },
    });
  });

  test('goes by the events where it knows all of them, though a newer release has taken the snapshot', async () => {
    const options = { snapshots: { store: new MemorySnapshotStore(), interval: 2 } };
    const id = newOriginatorId();
    await appOf(1).execute(articleOf(1), id, commandOf('Receive', 5));
    await appOf(5, options).execute(articleOf(5), id, commandOf('Reserve', 2));
    expect(await options.snapshots.store.select(id)).toMatchObject({ originatorVersion: 2 });
    expect(await appOf(1, options).execute(articleOf(1), id, commandOf('Reserve'))).toMatchObject({
      state: { free: 2 },
    });
  });

  test('uses the snapshot of an older release', async () => {
    const store = new MemorySnapshotStore();
    const id = newOriginatorId();
    await appOf(1, { snapshots: { store, interval: 2 } }).execute(articleOf(1), id, commandOf('Receive', 5));
    await appOf(1, { snapshots: { store, interval: 2 } }).execute(articleOf(1), id, commandOf('Reserve', 1));
    const read: (number | undefined)[] = [];
    const watched = new Proxy(recorder, {
      get: (target, key) =>
        key === 'selectEvents'
          ? (originatorId: string, options: { gt?: number }) => {
              read.push(options.gt);
              return target.selectEvents(originatorId, options);
            }
          : (Reflect.get(target, key) as unknown),
    });
    const app = appOf(5, { recorder: watched, snapshots: { store } });
    expect((await app.repository.load(articleOf(5), id)).state).toMatchObject({ free: 4 });
    expect(read).toEqual([1]);
  });
});

test('what stands for events that have left is not decided on, where a newer release has made it', async () => {
  const theirs = await openTab(new SharedJournal());
  const tab = await openTab(new SharedJournal());
  const id = newOriginatorId();
  const others = appOf(2, { recorder: theirs.recorder });
  for (const type of ['Receive', 'Receive', 'Receive', 'Damage', 'Reserve'])
    await others.execute(articleOf(2), id, commandOf(type));
  const log = await LogPages.after(tab.recorder);
  const events = await theirs.recorder.selectNotifications({ start: 1, limit: 100 });
  await tab.recorder.insertPage(log.next(...events.map(({ id: _id, ...stored }) => ({ events: [stored] }))));
  const newer = appOf(2, { recorder: tab.recorder });
  const { aggregates } = await newer.truncateHistory({
    digests: async (questions) =>
      await Promise.all(
        questions.map(async ({ upTo }) => historyDigest(await theirs.recorder.selectEvents(id, { lte: upTo }))),
      ),
    keepMs: 0,
  });
  expect(aggregates).toEqual([id]);
  expect((await newer.repository.load(articleOf(2), id)).state).toMatchObject({ free: 1, damaged: 1 });
  await expect(appOf(1, { recorder: tab.recorder }).repository.load(articleOf(1), id)).rejects.toMatchObject({
    ...TOO_OLD,
    cause: { code: 'HISTORY_TRUNCATED' },
  });
  const older = (originatorId: string, upTo: number) => theirs.recorder.selectEvents(originatorId, { lte: upTo });
  const asking = appOf(1, { recorder: tab.recorder, olderEvents: older });
  await expect(asking.repository.load(articleOf(1), id)).rejects.toMatchObject({
    ...TOO_OLD,
    details: { topic: 'Article:Damaged' },
  });
  // What has left is looked at no more, and what comes is.
  const watch = new NewerEventsWatch({ log: asking });
  expect(await watch.catchUp()).toEqual([]);
  await newer.execute(articleOf(2), id, commandOf('Receive'));
  expect(await watch.catchUp()).toMatchObject([{ topic: 'Article:Received', count: 1 }]);
});

describe('history of which this release cannot read something', () => {
  const cases = [
    ['a newer version of the last event', ['Reserve', 'Reserve', 'Receive']],
    ['a newer event in the middle', ['Reserve', 'Damage', 'Reserve']],
    ['a newer event at the end', ['Reserve', 'Reserve', 'Damage']],
  ] as const;
  test.each(cases)('stays, and others leave: %s', async (_what, types) => {
    const theirs = await openTab(new SharedJournal());
    const tab = await openTab(new SharedJournal());
    const [known, newer] = [newOriginatorId(), newOriginatorId()];
    const [old, next] = [appOf(1, { recorder: theirs.recorder }), appOf(2, { recorder: theirs.recorder })];
    await old.execute(articleOf(1), known, commandOf('Receive', 9));
    for (let at = 0; at < 3; at++) await old.execute(articleOf(1), known, commandOf('Reserve'));
    await old.execute(articleOf(1), newer, commandOf('Receive', 9));
    for (const type of types) await next.execute(articleOf(2), newer, commandOf(type));
    const log = await LogPages.after(tab.recorder);
    const events = await theirs.recorder.selectNotifications({ start: 1, limit: 100 });
    await tab.recorder.insertPage(log.next(...events.map(({ id: _id, ...stored }) => ({ events: [stored] }))));
    const digests = async (questions: readonly HistoryQuestion[]): Promise<readonly string[]> =>
      await Promise.all(
        questions.map(async ({ originatorId, upTo }) =>
          historyDigest(await theirs.recorder.selectEvents(originatorId, { lte: upTo })),
        ),
      );
    const app = appOf(1, { recorder: tab.recorder });
    expect(await app.truncateHistory({ digests, keepMs: 0 })).toMatchObject({
      ...{ aggregates: [known], differing: [], hasMore: false },
      skipped: [{ originatorId: newer, reason: { code: 'APPLICATION_TOO_OLD' } }],
    });
    expect(await tab.recorder.selectEvents(newer)).toHaveLength(4);
    // A release that knows them all lets it go; and then the old one passes by what stands for it.
    const upToDate = appOf(2, { recorder: tab.recorder });
    expect((await upToDate.truncateHistory({ digests, keepMs: 0 })).aggregates).toEqual([newer]);
    const more = { ...(events.at(-1) as StoredEvent), originatorVersion: 5 };
    await theirs.recorder.insertEvents([more, { ...more, originatorVersion: 6 }]);
    await tab.recorder.insertPage(log.next({ events: [more] }, { events: [{ ...more, originatorVersion: 6 }] }));
    expect(await app.truncateHistory({ digests, keepMs: 0 })).toMatchObject({
      ...{ aggregates: [], hasMore: false },
      skipped: [{ originatorId: newer, reason: { code: 'APPLICATION_TOO_OLD' } }],
    });
  });

  test('that cannot be read at all stays, and others leave', async () => {
    const tab = await openTab(new SharedJournal());
    const [known, broken] = [newOriginatorId(), newOriginatorId()];
    const theirs = await openTab(new SharedJournal());
    const others = appOf(1, { recorder: theirs.recorder });
    for (const id of [known, broken]) {
      for (let at = 0; at < 3; at++) await others.execute(articleOf(1), id, commandOf('Receive', 9));
    }
    const events = (await theirs.recorder.selectNotifications({ start: 1, limit: 100 })).map(
      ({ id: _id, ...stored }) =>
        stored.originatorId === broken && stored.originatorVersion === 2
          ? { ...stored, state: new Uint8Array([1]) }
          : stored,
    );
    const log = await LogPages.after(tab.recorder);
    await tab.recorder.insertPage(log.next(...events.map((stored) => ({ events: [stored] }))));
    const truncated = await appOf(1, { recorder: tab.recorder }).truncateHistory({
      digests: async (questions) =>
        questions.map(({ originatorId, upTo }) =>
          historyDigest(events.filter((one) => one.originatorId === originatorId && one.originatorVersion <= upTo)),
        ),
      keepMs: 0,
    });
    expect(truncated).toMatchObject({
      aggregates: [known],
      skipped: [{ originatorId: broken, reason: { code: 'MAPPER_DESERIALISATION_ERROR' } }],
    });
  });
});

describe('a watch', () => {
  test('says which events this release cannot read, how many, and since when', async () => {
    const own = new MemoryProcessRecorder();
    const clock = new ManualClock();
    const options = { recorder: own, clock };
    const [first, second, fourth] = [appOf(1, options), appOf(2, options), appOf(4, options)];
    const id = newOriginatorId();
    await first.execute(articleOf(1), id, commandOf('Receive', 9));
    await own.insertEvents([sampleEvent(newOriginatorId(), 1, 'Elsewhere:Happened')]);
    await own.insertEvents([{ ...sampleEvent(newOriginatorId(), 1, 'Article:Received'), state: new Uint8Array([1]) }]);
    await using watch = new NewerEventsWatch({ log: first, clock, pageEvents: 2 });
    expect(await watch.catchUp()).toEqual([]);
    clock.advance(1_000);
    const since = new Date(clock.nowMs());
    await second.execute(articleOf(2), id, commandOf('Receive'));
    clock.advance(1_000);
    await second.execute(articleOf(2), id, commandOf('Receive'));
    await second.execute(articleOf(2), id, commandOf('Damage'));
    await fourth.execute(articleOf(4), id, commandOf('Receive'));
    await fourth.execute(articleOf(4), id, commandOf('Reserve'));
    const shared = { aggregateType: 'Article' };
    const later = new Date(clock.nowMs());
    const found = [
      {
        ...shared,
        topic: 'Article:Received',
        version: { stored: 2, known: 1 },
        count: 2,
        firstNotificationId: 4,
        since,
      },
      { ...shared, topic: 'Article:Damaged', version: undefined, count: 1, firstNotificationId: 6, since: later },
      {
        ...shared,
        topic: 'Article:Received',
        version: { stored: 4, known: 1 },
        count: 1,
        firstNotificationId: 7,
        since: later,
      },
    ];
    expect(await watch.catchUp()).toEqual(found);
    expect(await Promise.all([watch.catchUp(), watch.catchUp()])).toEqual([found, found]);
    expect(watch.status.value).toMatchObject({ position: 8, head: 8, newer: found });
    expect(await new NewerEventsWatch({ log: first, gt: 6 }).catchUp()).toEqual([
      { ...found[2], firstNotificationId: 7 },
    ]);
    expect(await new NewerEventsWatch({ log: fourth }).catchUp()).toEqual([]);
    expect(await new NewerEventsWatch({ log: second }).catchUp()).toMatchObject([{ version: { stored: 4, known: 2 } }]);
  });

  test('hears of what is recorded while it runs', async () => {
    const own = { recorder: new MemoryProcessRecorder() };
    const [first, third] = [appOf(1, own), appOf(3, own)];
    const listeners = new Set<() => void>();
    const heard = appOf(1, {
      ...own,
      onRecorded: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    });
    await first.execute(articleOf(1), newOriginatorId(), commandOf('Receive'));
    await using watch = new NewerEventsWatch({ log: heard });
    watch.start();
    await watch.waitFor(1);
    expect(watch.status.value.newer).toEqual([]);
    await third.execute(articleOf(3), newOriginatorId(), commandOf('Name'));
    for (const listener of listeners) listener();
    await watch.waitFor(2);
    expect(watch.status.value.newer).toMatchObject([{ topic: 'Article:Named', count: 1 }]);
    await watch.close();
    expect(listeners.size).toBe(0);
  });

  test('finds events with a topic of their own by what stands before them', async () => {
    const own = { recorder: new MemoryProcessRecorder() };
    const of = (types: readonly string[]) =>
      defineDecider({
        name: 'Dog',
        events: Object.fromEntries(types.map((type) => [type, event({ topic: `school.domain:Dog.${type}` })])),
        commands: {},
        initialState: () => ({}),
        decide: () => [],
        evolve: (state) => state,
      });
    const [old, newer] = [of(['Registered']), of(['Registered', 'Trained'])];
    const [id, whole] = [newOriginatorId(), new Application({ ...own, aggregates: [newer] })];
    await whole.append(newer, id, [
      { type: 'Registered', data: {} },
      { type: 'Trained', data: {} },
    ]);
    const app = new Application({ ...own, aggregates: [old] });
    expect(await new NewerEventsWatch({ log: app }).catchUp()).toMatchObject([
      { aggregateType: 'Dog', topic: 'school.domain:Dog.Trained', version: undefined },
    ]);
    await expect(app.repository.load(old, id)).rejects.toMatchObject(TOO_OLD);
  });

  test.each([
    ['gt', { gt: -1 }],
    ['pageEvents', { pageEvents: 0 }],
    ['pollIntervalMs', { pollIntervalMs: 0 }],
  ])('refuses a %s that makes no sense', (option, options) => {
    expect(() => new NewerEventsWatch({ log: appOf(1), ...options })).toThrow(option);
  });
});
