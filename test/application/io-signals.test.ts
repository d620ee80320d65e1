/** Calls that read and write beside the log: each heeds a signal that is aborted before, and one that is meanwhile. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { MemoryEventIndex, MemoryOutbox, SqlEventIndex, SqlOutbox } from '../../src/application/index.js';
import type { EventIndex, NotifiedEvent, Outbox } from '../../src/application/index.js';
import type { CallOptions } from '../../src/persistence/heed-signal.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import type { SnapshotStore, StoredSnapshot } from '../../src/persistence/snapshot-store.js';
import { SqlSnapshotStore } from '../../src/persistence/sql/sql-snapshot-store.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { sampleRecordedEvent } from '../../src/testing/conformance/recorded-events.js';
import { uniqueName } from '../support/postgres-fixture.js';
import { SQL_RECORDERS } from '../support/sql-recorders.js';

const REASON = new RangeError('nobody waits for it any more');
// Of those in SQLite: on one connection everything takes turns, and what waits can be seen.
const TAKES_TURNS = Object.keys(SQL_RECORDERS).filter((name) => name.includes('ite'));

interface Opened {
  readonly recorder: ProcessRecorder;
  readonly snapshots: SnapshotStore;
  readonly index: EventIndex;
  readonly outbox: Outbox;
  readonly hold: (work: () => Promise<void>) => Promise<void>;
}

async function open(engine: string): Promise<Opened> {
  const openSql = SQL_RECORDERS[engine];
  if (openSql === undefined) {
    const recorder = new MemoryProcessRecorder();
    const [snapshots, index] = [new MemorySnapshotStore(), new MemoryEventIndex()];
    const outbox = new MemoryOutbox();
    return { recorder, snapshots, index, outbox, hold: async (work) => recorder.transaction(work) };
  }
  const { recorder, close } = await openSql();
  onTestFinished(close);
  const snapshots = new SqlSnapshotStore({ recorder, table: uniqueName() });
  const index = new SqlEventIndex({ recorder, table: uniqueName() });
  await snapshots.createTables();
  const outbox = new SqlOutbox({ recorder, table: uniqueName() });
  await index.createTables();
  await outbox.createTables();
  return { recorder, snapshots, index, outbox, hold: async (work) => recorder.transaction(work) };
}

const snapshotOf = (originatorId: string): StoredSnapshot => ({
  ...{ originatorId, originatorVersion: 1, eventId: 'e', aggregateType: 'Dog', stateVersion: 1, takenAtMs: 1 },
  state: new Uint8Array([1]),
});

const happened = (notificationId = 1): NotifiedEvent => ({
  ...sampleRecordedEvent(newOriginatorId(), 1),
  notificationId,
});

type Calls = Readonly<Record<string, (options: CallOptions) => Promise<unknown>>>;

/** Every call that reads. */
function readsOf({ snapshots, index, outbox, recorder }: Opened, id: string): Calls {
  return {
    'snapshots.select': (options) => snapshots.select(id, options),
    'index.hasEvent': (options) => index.hasEvent(id, options),
    'index.findEvent': (options) => index.findEvent(id, options),
    'index.find': (options) => index.find({ aggregateId: id, ...options }),
    'index.between': (options) => index.between({ from: new Date(0), to: new Date() }, options),
    'outbox.counts': (options) => outbox.counts(options),
    'outbox.pending': (options) => outbox.pending(options),
    'outbox.deadLetters': (options) => outbox.deadLetters(options),
    'index.notifications': (options) => readAll(index.notifications({ ...options }, recorder)),
  };
}

/** Every call that writes, and whether what it would have written is there. */
function writesOf({ snapshots, index, outbox }: Opened): readonly {
  readonly name: string;
  call(options: CallOptions): Promise<unknown>;
  isDone(): Promise<boolean>;
}[] {
  const [kept, removed] = [newOriginatorId(), newOriginatorId()];
  const event = happened();
  return [
    {
      name: 'snapshots.upsert',
      call: (options) => snapshots.upsert(snapshotOf(kept), options),
      isDone: async () => (await snapshots.select(kept)) !== undefined,
    },
    {
      name: 'snapshots.remove',
      call: async (options) => {
        await snapshots.upsert(snapshotOf(removed));
        await snapshots.remove(removed, options);
      },
      isDone: async () => (await snapshots.select(removed)) === undefined,
    },
    {
      name: 'index.add',
      call: (options) => index.add([event], options),
      isDone: () => index.hasEvent(event.metadata.eventId),
    },
    {
      name: 'outbox.enqueue',
      call: (options) => outbox.enqueue([event], options),
      isDone: async () => (await outbox.counts()).pending > 0,
    },
    ...deadLetterCalls(outbox),
  ];
}

/** Each makes a dead letter of its own, and does something with it. */
function deadLetterCalls(outbox: Outbox): ReturnType<typeof writesOf> {
  const made = (notificationId: number) => {
    let id: string | undefined;
    const make = async (): Promise<string> => {
      if (id !== undefined) return id;
      await outbox.enqueue([happened(notificationId)]);
      const leaseId = uniqueName();
      const [entry] = await outbox.claim({ leaseId, nowMs: Date.now(), leaseUntilMs: Date.now() + 60_000, limit: 1 });
      id = (entry as { id: string }).id;
      const failed = { id, kind: 'failed', error: 'no', counts: true, nextAttemptAtMs: 0 } as const;
      await outbox.settle(leaseId, [failed]);
      return id;
    };
    return { make, isDead: async () => (await outbox.deadLetters()).some((entry) => entry.id === id) };
  };
  return (['retry', 'resolve', 'discard'] as const).map((method, index) => {
    const { make, isDead } = made(100 + index);
    return {
      name: `outbox.${method}`,
      call: async (options: CallOptions) => outbox[method](await make(), options),
      isDone: async () => !(await isDead()),
    };
  });
}

async function readAll(rows: AsyncIterable<unknown>): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

describe.each(['memory', ...Object.keys(SQL_RECORDERS)])('%s', (engine) => {
  test('a signal that was aborted before ends every call with its reason, and nothing is stored', async () => {
    const opened = await open(engine);
    const aborted = { signal: AbortSignal.abort(REASON) };
    for (const [name, read] of Object.entries(readsOf(opened, newOriginatorId()))) {
      // One of a list asks by its first row.
      if (name === 'index.notifications' && engine === 'memory') await opened.index.add([happened()]);
      await expect(read(aborted), name).rejects.toBe(REASON);
    }
    for (const { name, call, isDone } of writesOf(opened)) {
      await expect(call(aborted), name).rejects.toBe(REASON);
      expect(await isDone(), name).toBe(false);
    }
  });

  test('one that is aborted meanwhile leaves what was refused undone, and the rest done', async () => {
    const opened = await open(engine);
    for (const { name, call, isDone } of writesOf(opened)) {
      const giveUp = new AbortController();
      const outcome = call({ signal: giveUp.signal }).then(
        () => 'done',
        (error: unknown) => error,
      );
      giveUp.abort(REASON);
      const told = await outcome;
      expect([REASON, 'done'], name).toContain(told);
      expect(await isDone(), name).toBe(told === 'done');
    }
  });

  test('one that is not aborted changes nothing, and what is none is refused', async () => {
    const opened = await open(engine);
    const { signal } = new AbortController();
    const none = { signal: {} as AbortSignal };
    for (const [name, read] of Object.entries(readsOf(opened, newOriginatorId()))) {
      await read({ signal });
      if (name !== 'index.notifications') {
        await expect(read(none), name).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
      }
    }
    for (const { name, call, isDone } of writesOf(opened)) {
      await expect(call(none), name).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
      expect(await isDone(), name).toBe(false);
      await call({ signal });
      expect(await isDone(), name).toBe(true);
    }
  });
});

test.each(TAKES_TURNS)('what waits for a transaction is given up while it goes on: %s', async (engine) => {
  const opened = await open(engine);
  const writes = writesOf(opened).filter(({ name }) => /^(?:snapshots\.upsert|index\.add|outbox\.enqueue)$/.test(name));
  await opened.hold(async () => {
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const calls = [
      ...Object.values(readsOf(opened, newOriginatorId())).map((read) => read({ signal })),
      ...writes.map(({ call }) => call({ signal })),
    ];
    giveUp.abort(REASON);
    for (const { status, ...told } of await Promise.allSettled(calls)) {
      expect([status, told]).toEqual(['rejected', { reason: REASON }]);
    }
  });
  for (const { isDone } of writes) expect(await isDone()).toBe(false);
});
