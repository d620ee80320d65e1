/** Functions that users hand in, and that fail: what calls them goes on, the others are called, and somebody is told. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Application } from '../../src/application/application.js';
import type { ApplicationOptions } from '../../src/application/application-options.js';
import { cached, invalidation } from '../../src/application/cached.js';
import type { InlineParticipant } from '../../src/application/events/inline-participant.js';
import { MemoryOutbox } from '../../src/application/outbox/memory-outbox.js';
import { cachedIn } from '../../src/application/shared-cache.js';
import { OutboxWorker } from '../../src/application/outbox/outbox-worker.js';
import { MemoryProjectionStore } from '../../src/application/projections/memory-projection-store.js';
import type { MemoryProjection, MemoryView } from '../../src/application/projections/projection.js';
import { ProjectionRunner } from '../../src/application/projections/projection-runner.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';
import { follow } from '../../src/persistence/subscription.js';
import type { OnRecorded } from '../../src/persistence/subscription.js';
import { whenEnded } from '../../src/persistence/transaction-ends.js';
import { withRetry } from '../../src/persistence/with-retry.js';
import { createSyncServer, MemoryUnitLog } from '../../src/server/index.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { stockIdOf, testStock } from '../../src/testing/conformance/order-world.js';
import { recordWith, sampleRecordedEvent } from '../../src/testing/conformance/recorded-events.js';
import { ObservableValue } from '../../src/util/observable.js';
import { PATIENTLY } from '../support/patience.js';
import type { UnitDecider } from '../../src/sync/index.js';
import { Scene } from '../support/sync-scene.js';
import { uncaughtErrors } from '../support/uncaught-errors.js';
import { postUnits } from '../support/unit-wire.js';

afterEach(() => {
  vi.restoreAllMocks();
});

function fail(): never {
  throw new RangeError('of a user');
}

const FAILURE = 'RangeError: of a user';

function books(options: Partial<ApplicationOptions> = {}) {
  const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [testStock], ...options });
  const add = async (quantity: number = 5): Promise<unknown> =>
    (await app.execute(testStock, stockIdOf('nails'), { type: 'Add', data: { quantity } })).state;
  return { app, add };
}

/** Others beside the one that fails: they hear of everything. */
function countingParticipant(): InlineParticipant & { readonly heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    onCommitted: () => heard.push('committed'),
    onRolledBack: () => heard.push('rolled back'),
  };
}

/** A projection over a log of which somebody else tells the news. */
function counting(app: Application, onRecorded: OnRecorded): ProjectionRunner<MemoryView<number>> {
  const projection: MemoryProjection<number> = {
    name: 'counting',
    version: 1,
    topics: [],
    initialState: () => 0,
    handle: (_event, view) => {
      view.state++;
    },
  };
  const log = { recorder: app.recorder, decode: app.decode.bind(app), onRecorded: onRecorded as never };
  return new ProjectionRunner({ projection, store: new MemoryProjectionStore(projection), log });
}

async function publishing(onRecorded: () => () => unknown): Promise<void> {
  const outbox = new MemoryOutbox();
  const published: string[] = [];
  const worker = new OutboxWorker({ outbox, publish: async ({ id }) => void published.push(id), onRecorded });
  worker.start();
  await recordWith(new MemoryProcessRecorder(), [outbox], [sampleRecordedEvent(newOriginatorId(), 1)]);
  await vi.waitUntil(() => published.length === 1, PATIENTLY);
  await worker.close();
  expect(worker.status.value.state).toBe('stopped');
}

/**
 * Each function, what it does when it fails, and how often that is told. The place is the file in which a user finds it.
 */
const FUNCTIONS: readonly (readonly [name: string, place: string, failures: number, goesOn: () => Promise<void>])[] = [
  [
    'a listener of Application.onRecorded',
    'application/application.ts onRecorded',
    1,
    async () => {
      const { app, add } = books();
      const other = vi.fn();
      app.onRecorded(fail);
      app.onRecorded(other);
      expect(await add()).toEqual({ free: 5 });
      expect(other).toHaveBeenCalledTimes(1);
    },
  ],
  [
    'who is told that a shared cache does not answer',
    'application/shared-cache.ts onFailed',
    2,
    async () => {
      const away = (): Promise<never> => Promise.reject(new Error('away'));
      const ask = cachedIn({ get: away, set: away }, async () => 5, {
        name: 'test',
        tags: () => ['t'],
        onFailed: fail,
      });
      expect(await ask()).toBe(5);
      await ask.invalidate(['t']);
    },
  ],
  [
    'onCommitted and onRolledBack of a participant',
    'application/events/inline-participant.ts onCommitted, onRolledBack',
    2,
    async () => {
      const other = countingParticipant();
      const recorder = new MemoryProcessRecorder();
      const inline = [{ onCommitted: fail, onRolledBack: fail }, other];
      expect(await books({ recorder, inline }).add()).toEqual({ free: 5 });
      const lent = recorder.transaction(async (transaction) => {
        await books({ recorder: transaction, inline }).add();
        throw new TypeError('taken back');
      });
      await expect(lent).rejects.toThrow('taken back');
      expect(other.heard).toEqual(['committed', 'rolled back']);
    },
  ],
  [
    'what waits for the end of a transaction',
    'persistence/recorder-transaction.ts onEnded',
    2,
    async () => {
      const other = vi.fn();
      await new MemoryProcessRecorder().transaction(async (transaction) => {
        await whenEnded(transaction, fail);
        await whenEnded(transaction, async () => await Promise.reject(new RangeError('of a user')));
        await whenEnded(transaction, other);
      });
      expect(other).toHaveBeenCalledExactlyOnceWith('committed');
    },
  ],
  [
    'onFailed of snapshots',
    'application/aggregates/snapshots.ts onFailed',
    1,
    async () => {
      const store = Object.assign(new MemorySnapshotStore(), { upsert: () => Promise.reject(new Error('full')) });
      const { add } = books({ snapshots: { store, interval: 1, onFailed: fail } });
      expect(await add()).toEqual({ free: 5 });
    },
  ],
  [
    'the tags of an event that answers depend on',
    'application/cached.ts tagsOf',
    1,
    async () => {
      let calls = 0;
      const ask = cached(async (id: string) => `${id} ${++calls}`, { tags: (id) => [id] });
      const drop = invalidation([ask], ({ originatorId }) => (originatorId === 'bad' ? fail() : [originatorId]));
      expect(await ask('good')).toBe('good 1');
      const events = ['bad', 'good'].map((originatorId) => ({ originatorId }));
      try {
        drop.onCommitted?.(events as never);
      } finally {
        expect(await ask('good')).toBe('good 2');
      }
    },
  ],
  [
    'a listener of an outbox',
    'application/outbox/outbox.ts onPending',
    1,
    async () => {
      const outbox = new MemoryOutbox();
      const other = vi.fn();
      outbox.onPending(fail);
      outbox.onPending(other);
      expect(await books({ inline: [outbox] }).add()).toEqual({ free: 5 });
      expect(other).toHaveBeenCalledTimes(1);
    },
  ],
  [
    'further hints of an outbox worker',
    'application/outbox/outbox-worker.ts onRecorded',
    1,
    async () => await publishing(fail),
  ],
  [
    'the end of further hints of an outbox worker',
    'application/outbox/outbox-worker.ts onRecorded (end)',
    1,
    async () => await publishing(() => fail),
  ],
  [
    'news of a log that a projection follows: it looks by itself',
    'application/application-options.ts onRecorded',
    1,
    async () => {
      const { app, add } = books();
      const runner = counting(app, fail);
      await add();
      await runner.start();
      await runner.waitFor(1);
      await add();
      await runner.waitFor(2);
      await runner.close();
    },
  ],
  [
    'the end of news of a log that a projection follows',
    'application/application-options.ts onRecorded (end)',
    1,
    async () => {
      const { app, add } = books();
      const runner = counting(app, () => fail);
      await add();
      await runner.start();
      await runner.waitFor(1);
      await runner.close();
      expect(runner.status.value.state).toBe('stopped');
    },
  ],
  [
    'the end of the hints of a subscription',
    'persistence/subscription.ts onRecorded (end)',
    2,
    async () => {
      const recorder = new MemoryProcessRecorder();
      await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      const ends = [fail, async () => await Promise.reject(new RangeError('of a user'))];
      for (const end of ends) {
        const subscription = follow(recorder, () => end);
        expect((await subscription.next()).value).toMatchObject({ id: 1 });
        expect(await subscription.return()).toEqual({ done: true, value: undefined });
      }
    },
  ],
  [
    'a watcher of a status',
    'util/observable.ts subscribe',
    2,
    async () => {
      const value = new ObservableValue(1);
      const other = vi.fn();
      value.subscribe(fail);
      value.subscribe(other);
      value.set(2);
      expect(other.mock.calls).toEqual([[1], [2]]);
      await Promise.resolve();
    },
  ],
  [
    'who says whether work may be repeated: the error of the work is not lost',
    'persistence/with-retry.ts isRetryable',
    1,
    async () => {
      const work = vi.fn(async () => await Promise.reject(new TypeError('of the work')));
      await expect(withRetry(work, { isRetryable: fail, delayMs: 0 })).rejects.toThrow('of the work');
      expect(work).toHaveBeenCalledTimes(1);
    },
  ],
  [
    'what a sync is woken by',
    'sync/tabs/start-sync-options.ts wakeSources',
    1,
    async () => {
      const scene = await Scene.open();
      await scene.count(2);
      scene.start({ wakeSources: { isOffline: () => false, onWake: fail } });
      await scene.settled();
      await scene.close();
    },
  ],
  [
    'who is told of what was decided again',
    'sync/tabs/start-sync-options.ts onRebased',
    1,
    async () => {
      const [scene, other] = [await Scene.open(), await Scene.open()];
      const taken = newOriginatorId();
      await other.tab.record(taken);
      await other.start({ fetch: scene.fetch }).settled();
      await scene.tab.record(taken);
      const reason = { code: 'NO', message: 'Not any more.' };
      const decideAgain: UnitDecider['decideAgain'] = async ({ units }) => ({
        decided: units.map(({ id }) => ({ id, reason })),
        units,
      });
      scene.start({ application: { decideAgain }, onRebased: fail });
      expect(await scene.settled()).toMatchObject({ setAside: 1 });
      await other.close();
      await scene.close();
    },
  ],
  [
    'what a sync is told of freezing by',
    'origin/wake-sources.ts onFreeze',
    1,
    async () => {
      const scene = await Scene.open();
      await scene.count(2);
      scene.start({ wakeSources: { isOffline: () => false, onWake: () => () => undefined, onFreeze: fail } });
      await scene.settled();
      await scene.close();
    },
  ],
  [
    'who is told of what a server recorded, and the log that hears of that',
    'server/sync-server-options.ts onRecorded, log',
    0,
    async () => {
      const log = vi.fn(fail);
      const listeners: readonly (() => unknown)[] = [fail, () => Promise.reject(new RangeError('of a user'))];
      for (const listener of listeners) {
        const onRecorded = (): unknown => listener();
        const { fetch } = createSyncServer({ unitLog: new MemoryUnitLog(), allowAnonymous: true, onRecorded, log });
        expect((await postUnits(fetch)).body).toMatchObject({ head: 1 });
        await vi.waitUntil(() => log.mock.calls.length > 0, PATIENTLY);
        expect(log).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('onRecorded'), expect.any(RangeError));
        log.mockClear();
      }
    },
  ],
  [
    'what tells other servers of news',
    'server/sync-server-options.ts news',
    0,
    async () => {
      const log = vi.fn();
      const news = { announce: fail, listen: () => () => undefined };
      const { fetch } = createSyncServer({ unitLog: new MemoryUnitLog(), allowAnonymous: true, news, log });
      expect((await postUnits(fetch)).body).toMatchObject({ head: 1 });
      expect(log).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('Other servers'), expect.any(RangeError));
    },
  ],
];

describe('a function of a user that fails', () => {
  test.each(FUNCTIONS)('%s', async (_name, _place, failures, goesOn) => {
    const errors = uncaughtErrors();
    await goesOn();
    expect(errors.map(String)).toEqual(Array.from({ length: failures }, () => FAILURE));
  });

  test('that says whether there is a network: an attempt is made', async () => {
    const errors = uncaughtErrors();
    const scene = await Scene.open();
    await scene.count(2);
    scene.start({ wakeSources: { isOffline: fail, onWake: () => () => undefined } });
    await scene.settled();
    await scene.close();
    expect(new Set(errors.map(String))).toEqual(new Set([FAILURE]));
  });

  test('that would tell a subscription of news: who asks is told, and may ask again', async () => {
    const recorder = new MemoryProcessRecorder();
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    const hear = vi.fn(() => () => undefined).mockImplementationOnce(fail);
    const subscription = follow(recorder, hear);
    await expect(subscription.next()).rejects.toThrow('of a user');
    expect((await subscription.next()).value).toMatchObject({ id: 1 });
    await subscription.return();
  });

  test('that tells an application of news: the listener that it was for is not kept', async () => {
    const { app, add } = books({ onRecorded: fail });
    const listener = vi.fn();
    expect(() => app.onRecorded(listener)).toThrow('of a user');
    await add();
    expect(listener).not.toHaveBeenCalled();
  });

  test('that selects what goes out refuses the commit, rather than lose the event', async () => {
    const { app, add } = books({ inline: [new MemoryOutbox({ select: fail })] });
    await expect(add()).rejects.toThrow('of a user');
    expect(await app.recorder.maxNotificationId()).toBe(0);
  });
});

/** Optional functions that are no listeners of a user, or whose failures are tested where there is what calls them. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'application/processes/process-runner.ts onFailure': 'stops the process, as is said there',
  'application/projections/projection-runner.ts onFailure': 'no function',
  'application/events/inline-participant.ts onRecorded': 'part of the transaction, which it refuses',
  'application/events/inline-participant.ts onUnitsChanged': 'reported: inline-synced.test.ts',
  'application/events/inline-participant.ts onEventsChanged': 'reported: inline-synced.test.ts',
  'application/log/event-log.ts onRecorded': 'as that of an application, above',
  'application/log/event-subscription.ts onRecorded': 'as that of an application, above',
  'application/personal/forgetting.ts onFailed': 'guarded: listeners.test.ts',
  'application/personal/remote-subject-keys.ts onFailed': 'guarded: listeners.test.ts',
  'server/key-handler.ts onFailed': 'guarded: listeners.test.ts',
  'publishing/nats/nats-head-news.ts onFailure': 'guarded: listeners.test.ts; told: nats-head-news.test.ts',
  'hub/sync-hub.ts onJobFailed': 'as that of an object',
  'durable-object/daybook-object.ts onJobFailed':
    'guarded: listeners.test.ts; told: workerd/durable-object/alarms.test.ts',
  'client/import-daybook.ts onProgress': 'backup.test.ts',
  'client/open-daybook.ts onProgress': 'backup.test.ts',
  'client/store-storage.ts onProgress': 'backup.test.ts',
  'host/replica-reader.ts onProgress': 'our own',
  'host/open-store.ts onProgress': 'guarded: listeners.test.ts',
  'live/live-reads.ts log': 'no function',
  'persistence/indexeddb/store-import.ts onProgress': 'our own',
  'persistence/journal/durable-recorder.ts onProgress': 'our own',
  'persistence/journal/journal-follower.ts onApplied': 'our own',
  'persistence/journal/journal.ts onOvertaken': 'our own',
  'persistence/journal/store-file/store-export.ts onProgress': 'our own',
  'operations/observing/statement-observer.ts onSlowQuery': 'observe.test.ts',
  'persistence/postgres/pg-pool-options.ts onConnectionError': 'pg-pool.test.ts',
  'persistence/postgres/pg-pool-options.ts onExhausted': 'pg-pool.test.ts',
  'persistence/postgres/postgres-subscription.ts onPoll': 'our own',
  'persistence/serial/serial-session.ts onEnded': 'our own',
  'persistence/sql/sql-dialect.ts log': 'no function',
  'persistence/sqlite/sqlite-driver.ts onClosed': 'guarded: listeners.test.ts',
  'server/access/replica-registry.ts log': 'quiet: as that of a server, above',
  'server/access/sql-replica-store.ts log': 'no function',
  'server/live/live-stream.ts onEnd': 'our own',
  'server/log/inline-units.ts log': 'quiet: inline-units.test.ts',
  'server/log/stored-unit-log.ts onLost': 'no function',
  'server/request-body.ts onBytes': 'our own',
  'server/tenants/move-log.ts onProgress': 'ends the move, as is said there',
  'server/server-front.ts log': 'quiet: as that of a server, above',
  'states/state-transfer.ts onProgress': 'state-transfer.test.ts',
  'transfer/export-events.ts onProgress': 'moving-house.test.ts',
  'transfer/import-events.ts onProgress': 'moving-house.test.ts',
  'transfer/hash-events.ts onProgress': 'moving-house.test.ts',
  'transfer/store-files/open-store-file.ts onProgress': 'guarded: listeners.test.ts',
  'sync/exchange/exchange-work.ts onRebased': 'as that of a sync, above',
  'sync/exchange/exchange.ts onRebased': 'as that of a sync, above',
  'sync/exchange/server-requests.ts onHeaders': 'our own',
  'sync/tabs/exchange-turns.ts onRebased': 'as that of a sync, above',
  'util/bounded-body.ts onChunk': 'our own',
  'util/work-loop.ts onStart': 'our own',
};

test('every listener, log and predicate among the options is one of these', () => {
  const source = new URL('../../src/', import.meta.url);
  const found = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.startsWith('testing/'))
    .flatMap((path) =>
      [
        ...readFileSync(new URL(path, source), 'utf8').matchAll(
          /^ {2}(?:readonly )?(on[A-Z]\w*|log|isRetryable)\?[:(]/gm,
        ),
      ].map(([, name]) => `${path} ${name}`),
    );
  const places = FUNCTIONS.map(([, place]) => place).join('\n');
  const known = (place: string): boolean => {
    const [path, name] = place.split(' ') as [string, string];
    return place in ELSEWHERE || places.split('\n').some((each) => each.startsWith(`${path} `) && each.includes(name));
  };
  expect(found.length).toBeGreaterThan(20);
  expect(found.filter((place) => !known(place))).toEqual([]);
});
