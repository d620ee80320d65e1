/**
 * Faults that no server makes on demand, made by one that is none (`mongo-stand-in.ts`): what is shown is what the recorder
 * makes of them, by way of the real driver. That the suites hold on MongoDB itself, `mongo-conformance.test.ts` shows.
 */
import fc from 'fast-check';
import { MongoClient } from 'mongodb';
import { afterEach, describe, expect, test } from 'vitest';
import { MongoProcessRecorder } from '../../../src/mongodb/index.js';
import type { MongoRecorderOptions } from '../../../src/mongodb/index.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { openMongo, uniqueName } from '../../support/mongo-fixture.js';
import { openMongoStandIn } from '../../support/mongo-stand-in.js';
import type { Fault, MongoStandIn } from '../../support/mongo-stand-in.js';

interface Opened {
  readonly recorder: MongoProcessRecorder<MongoClient>;
  readonly server: MongoStandIn;
}

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(options: Partial<MongoRecorderOptions<MongoClient>> = {}): Promise<Opened> {
  const server = await openMongoStandIn();
  closing.push(() => server.close());
  const { recorder, close } = await openMongo(options, server.url);
  closing.push(close);
  return { recorder, server };
}

const CONFLICT: Fault = {
  code: 112,
  codeName: 'WriteConflict',
  errmsg: 'Write conflict',
  errorLabels: ['TransientTransactionError'],
};
/** The commands of an insert with a tracking record, in their order. */
const COMMANDS = ['findAndModify', 'find', 'update', 'insert', 'commitTransaction'] as const;

/** Meets one command with a fault, the first time only. @returns how often it came */
function once(server: MongoStandIn, name: string, fault: Fault): () => number {
  let count = 0;
  server.onCommand = (command) => (command === name && ++count === 1 ? fault : undefined);
  return () => count;
}

async function versions(recorder: MongoProcessRecorder<MongoClient>, id: string): Promise<number[]> {
  return (await recorder.selectEvents(id)).map(({ originatorVersion }) => originatorVersion);
}

async function rejection(promise: Promise<unknown>): Promise<{ code: string; details: Record<string, unknown> }> {
  const thrown: unknown = await promise.then(
    (value) => expect.unreachable(`it resolved with ${String(value)}`),
    (error: unknown) => error,
  );
  return thrown as { code: string; details: Record<string, unknown> };
}

describe('a server that runs alone is refused', () => {
  test.each(['createTable', 'insertEvents'] as const)('by %s, and the error says what to do', async (call) => {
    const server = await openMongoStandIn({ isAlone: true });
    closing.push(() => server.close());
    const client = await new MongoClient(server.url).connect();
    closing.push(() => client.close());
    const recorder = new MongoProcessRecorder({ client, applicationName: uniqueName() });
    const refused =
      call === 'createTable' ? recorder.createTable() : recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    expect(await rejection(refused)).toMatchObject({
      code: 'NOT_SUPPORTED',
      details: { reason: 'replicaSet' },
      message: expect.stringContaining('rs.initiate()') as string,
    });
  });
});

describe('a fault that passes', () => {
  const faults: Record<string, Fault> = {
    'a write conflict': CONFLICT,
    'a connection cut before': 'cut before',
    'a connection cut after': 'cut after',
  };
  test.each(Object.keys(faults).flatMap((fault) => COMMANDS.map((command) => ({ fault, command }))))(
    '$fault, at $command: recorded once, without a gap',
    async ({ fault, command }) => {
      const { recorder, server } = await open();
      const id = newOriginatorId();
      const times = once(server, command, faults[fault]);
      const tracking = { applicationName: 'upstream', notificationId: 7 };
      expect(await recorder.insertEvents(sampleEvents(id, 1, 2), { tracking })).toEqual([1, 2]);
      expect(times()).toBeGreaterThan(1);
      expect(await versions(recorder, id)).toEqual([1, 2]);
      expect(await recorder.maxTrackingId('upstream')).toBe(7);
      expect(await recorder.insertEvents([sampleEvent(id, 3)])).toEqual([3]);
    },
  );

  test('is not to be seen by the work of a transaction, which runs again, though it has caught the error', async () => {
    const { recorder, server } = await open();
    const id = newOriginatorId();
    once(server, 'insert', CONFLICT);
    const outcomes: string[] = [];
    let runs = 0;
    await recorder.transaction(async (transaction) => {
      const run = ++runs;
      transaction.onEnded?.((outcome) => void outcomes.push(`${run} ${outcome}`));
      await transaction.insertEvents([sampleEvent(id, 1)]).catch(() => undefined);
      await transaction.insertEvents([sampleEvent(id, 2)]).catch(() => undefined);
    });
    expect(outcomes).toEqual(['1 rolledBack', '2 committed']);
    expect(await versions(recorder, id)).toEqual([1, 2]);
  });
});

describe('a fault that stays', () => {
  test('others are always first: given up after the time that is set, and nothing is stored', async () => {
    const { recorder, server } = await open({ lockTimeoutMs: 50 });
    const id = newOriginatorId();
    server.onCommand = (name) => (name === 'findAndModify' ? CONFLICT : undefined);
    const { code, details } = await rejection(recorder.insertEvents([sampleEvent(id, 1)]));
    expect([code, details['reason']]).toEqual(['OPERATIONAL_ERROR', 'locked']);
    server.onCommand = () => undefined;
    expect(await versions(recorder, id)).toEqual([]);
    expect(await recorder.insertEvents([sampleEvent(id, 1)])).toEqual([1]);
  });

  test.each([
    ['before', []],
    ['after', [1]],
  ] as const)(
    'nobody answers the commit, and the connection is cut %s it: the outcome is unknown',
    async (when, stored) => {
      const { recorder, server } = await open();
      const id = newOriginatorId();
      server.onCommand = (name) => (name === 'commitTransaction' ? `cut ${when}` : undefined);
      // The server is not to be found again, as when the network is gone.
      const outcomes: string[] = [];
      const failed = recorder.transaction(async (transaction) => {
        transaction.onEnded?.((outcome) => void outcomes.push(outcome));
        await transaction.insertEvents([sampleEvent(id, 1)]);
        server.isUnreachableAfterCut = true;
      });
      const { code, details } = await rejection(failed);
      expect([code, details['outcome'], outcomes]).toEqual(['OPERATIONAL_ERROR', 'unknown', ['unknown']]);
      server.isUnreachableAfterCut = false;
      server.onCommand = () => undefined;
      expect(await versions(recorder, id)).toEqual(stored);
    },
  );

  test.each([
    [{ code: 13, codeName: 'Unauthorized', errmsg: 'not authorized' }, 'PROGRAMMING_ERROR'],
    [{ code: 10334, codeName: 'BSONObjectTooLarge', errmsg: 'too large' }, 'DATA_ERROR'],
    [{ code: 14031, codeName: 'OutOfDiskSpace', errmsg: 'no space' }, 'OPERATIONAL_ERROR'],
    [{ code: 263, codeName: 'OperationNotSupportedInTransaction', errmsg: 'no' }, 'NOT_SUPPORTED'],
    [{ code: 4, codeName: 'NoSuchKey', errmsg: 'of some other kind' }, 'DATABASE_ERROR'],
  ])('the server refuses an insert with %j: nothing is stored', async (fault, code) => {
    const { recorder, server } = await open();
    const id = newOriginatorId();
    once(server, 'insert', fault);
    const error = await rejection(
      recorder.insertEvents([sampleEvent(id, 1)], { tracking: { applicationName: 'a', notificationId: 1 } }),
    );
    expect(error).toMatchObject({ code, details: { mongoCode: fault.code, mongoCodeName: fault.codeName } });
    expect([await versions(recorder, id), await recorder.maxTrackingId('a')]).toEqual([[], 0]);
    expect(await recorder.insertEvents([sampleEvent(id, 1)])).toEqual([1]);
  });
});

describe('a transaction', () => {
  test('that has ended itself is refused', async () => {
    const { recorder } = await open();
    const id = newOriginatorId();
    const { code } = await rejection(
      recorder.transaction(async (transaction) => {
        await transaction.insertEvents([sampleEvent(id, 1)]);
        await transaction.connection.session.abortTransaction();
      }),
    );
    expect([code, await versions(recorder, id)]).toEqual(['PROGRAMMING_ERROR', []]);
  });

  test('within another one, which has used the session and is taken back, takes the whole with it', async () => {
    const { recorder } = await open();
    const [id, own] = [newOriginatorId(), recorder.database.collection('own')];
    const { code } = await rejection(
      recorder.transaction(async (outer) => {
        await outer.insertEvents([sampleEvent(id, 1)]);
        await rejection(
          outer.transaction(async ({ connection: { session } }) => {
            await own.insertOne({ value: 1 }, { session });
            throw new RangeError('not this');
          }),
        );
      }),
    );
    expect(code).toBe('PROGRAMMING_ERROR');
    expect([await versions(recorder, id), await own.countDocuments()]).toEqual([[], 0]);
  });

  test('within another one, which is taken back, leaves positions and tracking records as they were', async () => {
    const { recorder } = await open();
    const [id, tracking] = [newOriginatorId(), { applicationName: 'a', notificationId: 3 }];
    await recorder.insertEvents([], { tracking });
    const ids = await recorder.transaction(async (outer) => {
      const first = await outer.insertEvents([sampleEvent(id, 1)]);
      await rejection(
        outer.transaction(async (inner) => {
          await inner.insertEvents(sampleEvents(id, 2, 4), { tracking: { ...tracking, notificationId: 9 } });
          await inner.insertEvents([], { tracking: { applicationName: 'b', notificationId: 1 } });
          throw new RangeError('not this');
        }),
      );
      expect([await outer.maxTrackingId('a'), await outer.maxTrackingId('b')]).toEqual([3, 0]);
      return [...first, ...(await outer.insertEvents([sampleEvent(id, 2)]))];
    });
    expect([ids, await versions(recorder, id), await recorder.maxNotificationId()]).toEqual([[1, 2], [1, 2], 2]);
  });
});

describe('what is sent', () => {
  test('has 64-bit integers for positions and versions, and bytes for states', async () => {
    const { recorder, server } = await open();
    const id = newOriginatorId();
    const written: StoredEvent[] = [2 ** 31, Number.MAX_SAFE_INTEGER, 1].map((version) => sampleEvent(id, version));
    await recorder.insertEvents(written);
    const insert = server.commands.find((command) => 'insert' in command);
    expect(insert?.['documents']).toEqual(
      written.map(({ originatorVersion, topic }, index) => ({
        ...{ _id: BigInt(index + 1), originatorId: id, originatorVersion: BigInt(originatorVersion), topic },
        state: expect.objectContaining({ _bsontype: 'Binary', sub_type: 0 }) as object,
      })),
    );
    expect(await versions(recorder, id)).toEqual([1, 2 ** 31, Number.MAX_SAFE_INTEGER]);
  });

  test('asks for what a majority has committed, after what was seen before, and commits so', async () => {
    const { recorder, server } = await open();
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await recorder.maxNotificationId();
    const find = server.commands.findLast((command) => 'find' in command);
    expect(find?.['readConcern']).toMatchObject({ level: 'majority', afterClusterTime: expect.anything() as unknown });
    const begun = server.commands.find(({ startTransaction }) => startTransaction === true);
    expect(begun?.['readConcern']).toMatchObject({ level: 'snapshot' });
    const commit = server.commands.find((command) => 'commitTransaction' in command);
    expect(commit?.['writeConcern']).toMatchObject({ w: 'majority' });
  });
});

/** What became of an insert. */
interface Outcome {
  readonly events: readonly StoredEvent[];
  /** None where it was refused; `undefined`: nobody knows. */
  readonly ids: readonly number[] | undefined;
}

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const RUNS = Number(process.env['RUNS'] ?? 12);

test(`whatever faults there are, what was acknowledged is there once, and positions have no gaps, seed ${SEED}`, async () => {
  const fault = fc.constantFrom<Fault>(undefined, undefined, undefined, CONFLICT, 'cut before', 'cut after');
  const sizes = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 40 }), sizes, async (faults, given) => {
      const { recorder, server } = await open({ lockTimeoutMs: 60_000 });
      const coming = [...faults];
      const committed = new Set<string>();
      server.onCommand = (name, { lsid, txnNumber }) => {
        const next = coming.shift();
        if (name !== 'commitTransaction') return next;
        const transaction = JSON.stringify([lsid, String(txnNumber)]);
        // No server says so of what it has committed.
        if (next === CONFLICT && committed.has(transaction)) return undefined;
        if (next === 'cut after') committed.add(transaction);
        return next;
      };
      const insert = async (size: number, index: number): Promise<Outcome> => {
        const events = sampleEvents(newOriginatorId(), 1, size);
        const ids =
          index % 2 === 0
            ? recorder.insertEvents(events)
            : recorder.transaction((transaction) => transaction.insertEvents(events));
        return {
          events,
          ids: await ids.catch((error: unknown) => {
            // Where another connection broke first, the driver begins nothing again, and asks for no commit again.
            const { code, details } = error as { code: string; details: { outcome?: string } };
            expect(code).toBe('OPERATIONAL_ERROR');
            return details.outcome === 'unknown' ? undefined : [];
          }),
        };
      };
      const outcomes = await Promise.all(given.map(insert));
      server.onCommand = () => undefined;
      const log = await recorder.selectNotifications({ start: 1, limit: 100 });
      expect(log.map(({ id }) => id)).toEqual(log.map((_, index) => index + 1));
      for (const { events, ids } of outcomes) {
        const found = log.filter((one) => one.originatorId === events[0]?.originatorId).map(({ id }) => id);
        if (ids === undefined) expect([0, events.length]).toContain(found.length);
        else expect(found).toEqual(ids);
      }
      for (const close of closing.splice(0).reverse()) await close();
    }),
    { numRuns: RUNS, seed: SEED },
  );
}, 120_000);
