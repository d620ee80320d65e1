/** Commits by a batch: at once, refused, and with an answer that is lost. */
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { D1ProcessRecorder } from '../../../src/persistence/d1/d1-recorder.js';
import type { D1RecorderOptions } from '../../../src/persistence/d1/d1-recorder.js';
import type { StoredEvent, Tracking } from '../../../src/persistence/stored-event.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { brokenD1 } from '../support/broken-d1.js';
import type { Break, BrokenD1 } from '../support/broken-d1.js';
import { newTables, openEmptyD1 } from '../support/d1-context.js';

async function open(options: D1RecorderOptions = {}): Promise<{
  recorder: D1ProcessRecorder;
  database: BrokenD1;
  another(): D1ProcessRecorder;
}> {
  const tables = newTables();
  await openEmptyD1(tables);
  const database = brokenD1(env.D1);
  const another = (): D1ProcessRecorder => new D1ProcessRecorder(env.D1, { ...tables, ...options });
  return { recorder: new D1ProcessRecorder(database, { ...tables, ...options }), database, another };
}

interface Commit {
  readonly events: readonly StoredEvent[];
  readonly tracking?: Tracking;
  /** With a statement beside the events, which says their ids. */
  readonly isBeside: boolean;
}

const AGGREGATES = Array.from({ length: 3 }, newOriginatorId);
const commit: fc.Arbitrary<Commit> = fc.record(
  {
    events: fc
      .uniqueArray(fc.record({ aggregate: fc.nat({ max: 2 }), version: fc.integer({ min: 1, max: 8 }) }), {
        maxLength: 4,
        selector: ({ aggregate, version }) => `${aggregate} ${version}`,
      })
      .map((places) => places.map(({ aggregate, version }) => sampleEvent(AGGREGATES[aggregate] as string, version))),
    tracking: fc.record({
      applicationName: fc.constantFrom('up', 'across'),
      notificationId: fc.integer({ min: 1, max: 9 }),
    }),
    isBeside: fc.boolean(),
  },
  { requiredKeys: ['events', 'isBeside'] },
);

test('commits at once: each is whole or not there, ids have no gaps, and who follows them misses none', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(commit, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 5 }),
      async (writers) => {
        const { recorder, another } = await open({ lockTimeoutMs: 60_000 });
        const beside = newTables().eventsTable;
        await recorder.batch([{ text: `CREATE TABLE ${beside} (id INTEGER PRIMARY KEY)`, values: [] }]);
        const committed: { commit: Commit; ids: readonly number[] }[] = [];
        const seen: number[] = [];
        const look = async (): Promise<void> => {
          const page = await recorder.selectNotifications({ start: (seen.at(-1) ?? 0) + 1, limit: 100 });
          seen.push(...page.map(({ id }) => id));
        };
        const commitOrRefused = async (own: D1ProcessRecorder, one: Commit): Promise<void> => {
          try {
            committed.push({ commit: one, ids: await record(own, one, beside) });
          } catch (error) {
            expect(error).toMatchObject({ code: 'INTEGRITY_ERROR' });
            expectReason(error, one);
          }
        };
        let following = Promise.resolve();
        await Promise.all(
          writers.map(async (commits) => {
            const own = another();
            for (const one of commits) {
              await commitOrRefused(own, one);
              following = following.then(look);
            }
          }),
        );
        await following;

        const stored = await another().selectNotifications({ start: 1, limit: 1_000 });
        expect(stored.map(({ id }) => id)).toEqual(stored.map((_one, at) => at + 1));
        expect(seen).toEqual(stored.map(({ id }) => id));
        // What was committed is there, as it was, in one piece; and nothing else is.
        expect(committed.flatMap(({ ids }) => ids).sort((a, b) => a - b)).toEqual(seen);
        for (const {
          commit: { events },
          ids,
        } of committed) {
          expect(ids).toEqual(events.map((_event, at) => (ids[0] ?? 0) + at));
          expect(ids.map((id) => stored[id - 1])).toEqual(events.map((event, at) => ({ id: ids[at], ...event })));
        }
        const { rows } = await recorder.query(`SELECT id FROM ${beside} ORDER BY id`);
        const idsBeside = committed.flatMap(({ commit: { isBeside }, ids }) => (isBeside ? ids : []));
        expect(rows.map(({ id }) => id)).toEqual(idsBeside.sort((a, b) => a - b));
        for (const name of ['up', 'across']) {
          const records = committed.flatMap(({ commit: { tracking } }) =>
            tracking?.applicationName === name ? tracking : [],
          );
          const ids = records.map(({ notificationId }) => notificationId);
          expect(new Set(ids).size).toBe(ids.length);
          expect(await recorder.maxTrackingId(name)).toBe(Math.max(0, ...ids));
        }
      },
    ),
    { numRuns: 20, endOnFailure: true },
  );
});

async function record(
  recorder: D1ProcessRecorder,
  { events, tracking, isBeside }: Commit,
  beside: string,
): Promise<readonly number[]> {
  const options = tracking === undefined ? {} : { tracking };
  if (!isBeside) return await recorder.insertEvents(events, options);
  return await recorder.insertWith(events, options, (ids) =>
    Promise.resolve(ids.map((id) => ({ text: `INSERT INTO ${beside} VALUES ($1)`, values: [id] }))),
  );
}

/** What is named is of the commit that was refused. */
function expectReason(error: unknown, { events, tracking }: Commit): void {
  const { details } = error as { details: Record<string, unknown> };
  if (details['constraint'] === 'tracking') {
    expect(details).toMatchObject({ ...tracking });
    expect(details['lastNotificationId']).toBeGreaterThanOrEqual(tracking?.notificationId ?? Infinity);
    return;
  }
  const { constraint, originatorId, originatorVersion } = details;
  expect(constraint).toBe('event');
  expect(events.map((event) => [event.originatorId, event.originatorVersion])).toContainEqual([
    originatorId,
    originatorVersion,
  ]);
}

describe('a commit that is refused', () => {
  test.each([
    ['one event', 1],
    ['many', 3],
  ])('of %s whose version is taken says which, and the reader sees by what', async (_of, count) => {
    const { recorder, database, another } = await open();
    const id = newOriginatorId();
    await another().insertEvents([sampleEvent(id, 3)]);
    const events = sampleEvents(id, 4 - count, 3);
    await expect(recorder.insertEvents(events)).rejects.toMatchObject({
      code: 'INTEGRITY_ERROR',
      details: { constraint: 'event', originatorId: id, originatorVersion: 3 },
    });
    expect((await recorder.selectEvents(id)).map(({ originatorVersion }) => originatorVersion)).toEqual([3]);
    // The session of before may be answered by a copy that does not know of it.
    expect(database.sessions).toEqual(['first-primary', 'first-primary']);
  });

  test('of events whose version is taken has a reason, also when nobody can be asked for it', async () => {
    const { recorder, another } = await open();
    const id = newOriginatorId();
    await another().insertEvents([sampleEvent(id, 2)]);
    const { connection } = recorder;
    connection.read = () => Promise.reject(new Error('nobody is there'));
    await expect(recorder.insertEvents(sampleEvents(id, 1, 2))).rejects.toMatchObject({
      code: 'INTEGRITY_ERROR',
      details: { constraint: 'event' },
    });
    const tracking = { applicationName: 'up', notificationId: 5 };
    await another().insertEvents([], { tracking });
    await expect(recorder.insertEvents([], { tracking })).rejects.toMatchObject({
      code: 'INTEGRITY_ERROR',
      details: { constraint: 'tracking', ...tracking, lastNotificationId: 5 },
    });
  });

  test('by a statement beside its events leaves nothing', async () => {
    const { recorder } = await open();
    const id = newOriginatorId();
    const beside = recorder.insertWith(
      [sampleEvent(id, 1)],
      { tracking: { applicationName: 'up', notificationId: 1 } },
      () => Promise.resolve([{ text: 'INSERT INTO missing VALUES ($1)', values: [1] }]),
    );
    await expect(beside).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { reason: 'statement' } });
    expect([await recorder.maxNotificationId(), await recorder.maxTrackingId('up')]).toEqual([0, 0]);
  });
});

describe('a batch whose answer is lost', () => {
  const lost = { code: 'OPERATIONAL_ERROR', details: { outcome: 'unknown' } };

  test.each<[Break, number]>([
    ['before', 0],
    ['after', 3],
  ])(
    'when it breaks %s the batch has run: the outcome is unknown, and all of it is there or nothing',
    async (at, there) => {
      const { recorder, database } = await open();
      const id = newOriginatorId();
      database.breaks = (batch) => (batch === 1 ? at : undefined);
      const tracking = { applicationName: 'up', notificationId: 4 };
      const events = sampleEvents(id, 1, 3);
      await expect(recorder.insertEvents(events, { tracking })).rejects.toMatchObject(lost);
      expect(await recorder.selectEvents(id)).toHaveLength(there);
      expect(await recorder.maxTrackingId('up')).toBe(there === 0 ? 0 : 4);
      // The same again is recorded once, whichever it was: the tracking record says so.
      const again = recorder.insertEvents(events, { tracking });
      if (there === 0) expect(await again).toEqual([1, 2, 3]);
      else await expect(again).rejects.toMatchObject({ code: 'INTEGRITY_ERROR', details: { constraint: 'tracking' } });
      expect(await recorder.maxNotificationId()).toBe(3);
    },
  );

  test.each<Break>(['before', 'after'])('%s, with statements beside the events', async (at) => {
    const { recorder, database } = await open();
    const beside = newTables().eventsTable;
    await recorder.batch([{ text: `CREATE TABLE ${beside} (id INTEGER PRIMARY KEY)`, values: [] }]);
    database.breaks = (batch) => (batch === 2 ? at : undefined);
    const one: Commit = { events: sampleEvents(newOriginatorId(), 1, 2), isBeside: true };
    await expect(record(recorder, one, beside)).rejects.toMatchObject(lost);
    const { rows } = await recorder.query(`SELECT count(*) AS n FROM ${beside}`);
    expect([rows[0]?.['n'], await recorder.maxNotificationId()]).toEqual(at === 'before' ? [0, 0] : [2, 2]);
    // Its ids are foreseen anew.
    expect(await record(recorder, { ...one, events: sampleEvents(newOriginatorId(), 1, 1) }, beside)).toEqual([
      at === 'before' ? 1 : 3,
    ]);
  });

  test.each([
    'D1_ERROR: D1 DB is overloaded. Requests queued for too long.',
    'D1_ERROR: Internal error in D1 DB storage caused object to be reset.',
    'D1_ERROR: disk I/O error: SQLITE_IOERR',
    'fetch failed',
  ])('by "%s" is unknown: none of it is proof', async (message) => {
    const { recorder, database } = await open();
    Object.assign(database, { message, breaks: () => 'after' });
    await expect(recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).rejects.toMatchObject(lost);
    expect(await recorder.maxNotificationId()).toBe(1);
  });
});

test('others who are always first are given up on, and nothing is stored', async () => {
  const clock = {
    nowMs: () => 0,
    monotonicMs: () => now,
    schedule: (callback: () => void) => (queueMicrotask(callback), () => undefined),
  };
  let now = 0;
  const { recorder, another } = await open({ lockTimeoutMs: 1_000, clock });
  const id = newOriginatorId();
  const always = recorder.insertWith([sampleEvent(id, 1)], {}, async () => {
    await another().insertEvents([sampleEvent(newOriginatorId(), 1)]);
    now += 400;
    return [];
  });
  await expect(always).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { reason: 'locked' } });
  expect(await recorder.selectEvents(id)).toEqual([]);
  expect(await recorder.maxNotificationId()).toBe(3);
});
