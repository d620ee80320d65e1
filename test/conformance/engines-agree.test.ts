import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { isEventSourcingError } from '../../src/domain/errors.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { RecorderTransaction, TransactionalRecorder } from '../../src/persistence/recorder-transaction.js';
import type { SqliteDatabase } from '../../src/persistence/sqlite/sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { SQLITE_ENGINES } from '../support/sqlite-engines.js';
import type { SqliteEngine } from '../support/sqlite-engines.js';

type Recorder = TransactionalRecorder<unknown> | RecorderTransaction<unknown>;

/** One call, and what of its outcome must be the same everywhere. */
type Step = (recorder: Recorder) => Promise<unknown>;

const AGGREGATES = Array.from({ length: 3 }, newOriginatorId);
const TOPICS = ['topic1', 'topic2'];

const event = fc
  .record({ aggregate: fc.constantFrom(...AGGREGATES), version: fc.nat({ max: 6 }), topic: fc.constantFrom(...TOPICS) })
  .map(({ aggregate, version, topic }) => sampleEvent(aggregate, version, topic));
const tracking = fc.record({
  applicationName: fc.constantFrom('up', 'across'),
  notificationId: fc.integer({ min: 1, max: 8 }),
});
const bound = fc.option(fc.integer({ min: -1, max: 9 }), { nil: undefined });

const insert = fc.tuple(fc.array(event, { maxLength: 4 }), fc.option(tracking, { nil: undefined })).map(
  ([events, record]): Step =>
    (recorder) =>
      recorder.insertEvents(events, record === undefined ? {} : { tracking: record }),
);
const selectEvents = fc
  .record({ id: fc.constantFrom(...AGGREGATES), gt: bound, lte: bound, desc: fc.boolean(), limit: bound })
  .map(
    ({ id, ...options }): Step =>
      (recorder) =>
        recorder.selectEvents(id, defined(options)),
  );
const selectNotifications = fc
  .record({
    start: fc.integer({ min: -1, max: 20 }),
    limit: fc.integer({ min: -1, max: 10 }),
    stop: bound,
    topics: fc.option(fc.subarray([...TOPICS, 'none']), { nil: undefined }),
  })
  .map(
    (options): Step =>
      (recorder) =>
        recorder.selectNotifications(defined(options)),
  );
const maxima = fc.constant<Step>(async (recorder) => [
  await recorder.maxNotificationId(),
  await recorder.maxTrackingId('up'),
  await recorder.hasTrackingId('across', 4),
]);

/** Transactions hold steps, and transactions again; some are taken back. */
const { step } = fc.letrec<{ step: Step }>((tie) => ({
  step: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { arbitrary: insert, weight: 6 },
    { arbitrary: selectEvents, weight: 2 },
    { arbitrary: selectNotifications, weight: 2 },
    { arbitrary: maxima, weight: 1 },
    {
      arbitrary: fc
        .tuple(fc.array(tie('step'), { maxLength: 5 }), fc.boolean())
        .map(([steps, commits]): Step => async (recorder) => {
          const outcomes: unknown[] = [];
          const ended = recorder.transaction(async (transaction) => {
            for (const each of steps) outcomes.push(await outcomeOf(each, transaction));
            if (!commits) throw new RangeError('taken back');
          });
          return [outcomes, await outcomeOf(() => ended, recorder)];
        }),
      weight: 2,
    },
  ),
}));

describe.each(Object.entries(SQLITE_ENGINES))('memory and %s', (_name, makeEngine) => {
  let engine: SqliteEngine;
  let database: SqliteDatabase;
  beforeAll(async () => {
    engine = await makeEngine();
    database = await engine.connect();
  });
  afterAll(async () => {
    database.close();
    await engine.remove();
  });

  test('give the same outcomes for any sequence of calls', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const memory = new MemoryProcessRecorder();
        const sqlite = await emptyRecorder(database);
        for (const each of [...steps, everything]) {
          expectSame(await outcomeOf(each, sqlite), await outcomeOf(each, memory));
        }
      }),
      { numRuns: 200 },
    );
  });
});

const everything: Step = async (recorder) => [
  await recorder.selectNotifications({ start: 1, limit: 1_000 }),
  await Promise.all(AGGREGATES.map((id) => recorder.selectEvents(id))),
  await recorder.maxTrackingId('up'),
];

async function emptyRecorder(database: SqliteDatabase): Promise<SqliteProcessRecorder> {
  database.exec('DROP TABLE IF EXISTS stored_events; DROP TABLE IF EXISTS tracking');
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  return recorder;
}

async function outcomeOf(call: Step, recorder: Recorder): Promise<unknown> {
  try {
    return { resolved: await call(recorder) };
  } catch (error) {
    if (isEventSourcingError(error)) return { code: error.code, details: error.details };
    if (error instanceof RangeError) return { thrown: error.message };
    throw error;
  }
}

function expectSame(actual: unknown, expected: unknown): void {
  const [found, wanted] = [actual, expected].map((value) => JSON.stringify(value));
  if (found !== wanted) throw new Error(`SQLite: ${found}\nmemory: ${wanted}`);
}

/** Without the keys that have no value, which exact types do not take. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
