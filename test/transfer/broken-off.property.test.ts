/** Files that are broken off anywhere, damaged anywhere, and gone on with, at random. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { exportEvents, findResumePoint, hashEvents, importEvents } from '../../src/transfer/index.js';
import { TRANSFER_ENGINES } from '../support/transfer-engines.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const RUNS = { seed: SEED, numRuns: 25, endOnFailure: true };

/** How events are, so that groups end by their number and by their size. */
const recorded = fc
  .array(fc.record({ aggregate: fc.nat({ max: 5 }), bytes: fc.constantFrom(0, 3, 200, 400_000) }), { maxLength: 9 })
  .chain((few) => fc.record({ few: fc.constant(few), many: fc.nat({ max: 1_300 }) }));

function eventsOf({
  few,
  many,
}: {
  few: readonly { aggregate: number; bytes: number }[];
  many: number;
}): StoredEvent[] {
  const ids = Array.from({ length: 6 }, () => crypto.randomUUID());
  const versions = new Map<number, number>();
  const all = [...few, ...Array.from({ length: many }, (_, index) => ({ aggregate: index % 6, bytes: 40 }))];
  return all.map(({ aggregate, bytes }, index) => {
    const originatorVersion = (versions.get(aggregate) ?? 0) + 1;
    versions.set(aggregate, originatorVersion);
    const state = new Uint8Array(bytes).fill(index % 256);
    return { originatorId: ids[aggregate]!, originatorVersion, topic: `topic${index % 3}`, state };
  });
}

async function openSqlite(): Promise<ProcessRecorder> {
  const recorder = new SqliteProcessRecorder(await openNodeSqlite({ path: ':memory:' }));
  await recorder.createTable();
  return recorder;
}

/** A stream that ends, or fails, after some bytes, cut into pieces. */
function broken(file: Uint8Array, end: number, piece: number, fails: boolean): () => AsyncGenerator<Uint8Array, void> {
  return async function* () {
    for (let at = 0; at < end; at += piece) yield file.subarray(at, Math.min(end, at + piece));
    await Promise.resolve();
    if (fails) throw new Error('the network is gone');
  };
}

const breaks = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    piece: fc.integer({ min: 1_000, max: 400_000 }),
    fails: fc.boolean(),
  }),
  { maxLength: 4 },
);

test(`an import that is broken off anywhere, and repeated, stores each event once, in order (SEED=${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(recorded, breaks, fc.constantFrom('sqlite', 'device'), async (how, cuts, engine) => {
      const source = new MemoryProcessRecorder();
      const events = eventsOf(how);
      await source.insertEvents(events);
      const file = new Uint8Array(await new Response(exportEvents(source)).arrayBuffer());
      const target =
        engine === 'sqlite'
          ? await openSqlite()
          : (await TRANSFER_ENGINES['a device’s store, journal in memory']!()).recorder;
      let there = 0;
      for (const { at, piece, fails } of cuts) {
        const end = Math.floor(at * (file.length - 1));
        const importing = importEvents(target, broken(file, end, piece, fails));
        const error = await importing.catch((thrown: unknown) => thrown as { code?: string; message: string });
        expect(error).toBeInstanceOf(Error);
        const stored = await target.selectNotifications({ start: 1, limit: 10_000 });
        // Never fewer, and always a prefix.
        expect(stored.length).toBeGreaterThanOrEqual(there);
        expect(stored.map(({ id: _, ...event }) => event)).toEqual(events.slice(0, stored.length));
        there = stored.length;
      }
      const { stored, hash } = await importEvents(target, new Blob([file]));
      expect(stored).toBe(events.length - there);
      expect((await hashEvents(target)).hash).toBe(hash);
      expect(hash).toBe((await hashEvents(source)).hash);
    }),
    RUNS,
  );
});

test(`an export that is broken off anywhere, and gone on with, makes the same file (SEED=${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(recorded, breaks, async (how, cuts) => {
      const source = await openSqlite();
      await source.insertEvents(eventsOf(how));
      const whole = new Uint8Array(await new Response(exportEvents(source)).arrayBuffer());
      let file: Uint8Array = whole;
      for (const { at } of cuts) {
        // A little less than one is one, times a large number.
        const begun = new Blob([file.slice(0, Math.min(file.length - 1, Math.floor(at * file.length)))]);
        const { isComplete, keepBytes, checkpoint } = await findResumePoint(begun);
        expect(isComplete).toBe(false);
        const rest = exportEvents(source, checkpoint === undefined ? {} : { resume: checkpoint });
        file = new Uint8Array(
          await new Blob([begun.slice(0, keepBytes), await new Response(rest).blob()]).arrayBuffer(),
        );
        expect(Buffer.compare(file, whole)).toBe(0);
      }
    }),
    RUNS,
  );
});

test(`one byte that is another one is never taken for what was written (SEED=${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      recorded,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 255 }),
      async (how, at, by) => {
        const source = new MemoryProcessRecorder();
        const events = eventsOf(how);
        await source.insertEvents(events);
        const file = new Uint8Array(await new Response(exportEvents(source)).arrayBuffer());
        const place = Math.floor(at * (file.length - 1));
        file[place] = file[place]! ^ by;
        const target = new MemoryProcessRecorder();
        const error = await importEvents(target, new Blob([file])).catch(
          (thrown: unknown) => thrown as { code?: string },
        );
        const stored = await target.selectNotifications({ start: 1, limit: 10_000 });
        expect(stored.map(({ id: _, ...event }) => event)).toEqual(events.slice(0, stored.length));
        if (!(error instanceof Error)) expect(stored).toHaveLength(events.length);
      },
    ),
    { ...RUNS, numRuns: 60 },
  );
});
