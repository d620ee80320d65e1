/**
 * What every engine promises of files of its events.
 *
 * @module
 */
import { MemoryProcessRecorder } from '../../persistence/memory/memory-recorder.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import { exportEvents } from '../../transfer/export-events.js';
import type { ExportEventsOptions } from '../../transfer/export-events.js';
import { hashEvents } from '../../transfer/hash-events.js';
import { importEvents } from '../../transfer/import-events.js';
import { findResumePoint } from '../../transfer/resume-point.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';

/** What the cases run on. */
export interface EventTransferContext {
  /** Opens a store of the engine in which nothing is. */
  openEmpty(): Promise<{ readonly recorder: ProcessRecorder; close(this: void): Promise<void> | void }>;
}

type Case = ConformanceCase<EventTransferContext>;

const encoder = new TextEncoder();
// Two full groups, and one that is not.
const MANY = 1_203;

/** Events of several aggregates, in turns, with all that a state can be. */
function odds(): StoredEvent[] {
  const [a, b] = [newOriginatorId(), newOriginatorId()];
  const states = [
    encoder.encode('{"text":"é 🐈 \\u0000 \u0000 \u2028 \uFEFF"}'),
    encoder.encode('\uFEFF{}'),
    new Uint8Array(0),
    Uint8Array.from({ length: 256 }, (_, byte) => byte),
    encoder.encode('"\\"\n\r\t'),
    // Half of a character, as a cut compression may have it.
    new Uint8Array([0xf0, 0x9f, 0x90]),
  ];
  return states.flatMap((state, index) =>
    [a, b].map((originatorId) => ({
      ...{ originatorId, originatorVersion: index + 1, topic: `stock:Ïtem "${index % 2}"`, state },
    })),
  );
}

function many(): StoredEvent[] {
  const ids = Array.from({ length: 7 }, newOriginatorId);
  return Array.from({ length: MANY }, (_, index) => sampleEvent(ids[index % 7] as string, 1 + Math.floor(index / 7)));
}

async function fileOf(recorder: ProcessRecorder, options: ExportEventsOptions = {}): Promise<Blob> {
  return await new Response(exportEvents(recorder, options)).blob();
}

async function eventsOf(recorder: ProcessRecorder): Promise<readonly StoredEvent[]> {
  const all = await recorder.selectNotifications({ start: 1, limit: 10_000 });
  return all.map(({ id: _, ...event }) => event);
}

async function inMemory(events: readonly StoredEvent[]): Promise<MemoryProcessRecorder> {
  const recorder = new MemoryProcessRecorder();
  await recorder.insertEvents(events);
  return recorder;
}

async function withStore(
  context: EventTransferContext,
  work: (recorder: ProcessRecorder) => Promise<void>,
): Promise<void> {
  const { recorder, close } = await context.openEmpty();
  try {
    await work(recorder);
  } finally {
    await close();
  }
}

const comesAndGoes: Case = {
  name: 'events come from a file as they are, in its order, and go into one that has the same hash; again changes nothing',
  async run(context) {
    const events = [...odds(), ...many()];
    const from = await inMemory(events);
    const file = await fileOf(from);
    await withStore(context, async (recorder) => {
      const imported = await importEvents(recorder, file);
      const hashed = await hashEvents(from);
      expectEqual(imported.stored, events.length, 'events that were stored');
      expectEqual([imported.events, imported.hash], [events.length, hashed.hash], 'what the file has');
      expectEqual(await eventsOf(recorder), events, 'what is there');
      const there = await hashEvents(recorder);
      expectEqual([there.events, there.hash], [events.length, hashed.hash], 'the hash at the other end');
      const again = await importEvents(recorder, file);
      expectEqual([again.stored, again.events, again.hash], [0, events.length, hashed.hash], 'what came of it again');
      expectEqual((await eventsOf(recorder)).length, events.length, 'events afterwards');
      const back = new MemoryProcessRecorder();
      const returned = await importEvents(back, await fileOf(recorder));
      expectEqual([returned.stored, returned.hash], [events.length, hashed.hash], 'what came back');
      expectEqual(await eventsOf(back), events, 'the events that came back');
    });
  },
};

const ofAnEmptyStore: Case = {
  name: 'a file of no events is one, and stores nothing',
  async run(context) {
    await withStore(context, async (recorder) => {
      const file = await fileOf(recorder);
      const imported = await importEvents(recorder, file);
      expectEqual([imported.events, imported.stored, imported.moved], [0, 0, 0], 'what was imported');
      expectEqual(imported.hash, (await hashEvents(recorder)).hash, 'the hash of nothing');
    });
  },
};

const goesOn: Case = {
  name: 'a file that was cut off is taken in up to its last whole checkpoint, and goes on with the whole one',
  async run(context) {
    const events = many();
    const file = await fileOf(await inMemory(events));
    await withStore(context, async (recorder) => {
      const cut = file.slice(0, Math.floor(file.size * 0.6));
      const error = await importEvents(recorder, cut).catch((thrown: unknown) => thrown);
      const { code, details } = error as { code?: string; details?: { reason?: string; events?: number } };
      expectEqual([code, details?.reason, details?.events], ['EVENTS_FILE', 'cut', 500], 'the refusal');
      expectEqual(await eventsOf(recorder), events.slice(0, 500), 'what is there of it');
      const done: number[] = [];
      const onProgress = ({ events: count }: { readonly events: number }): void => void done.push(count);
      const imported = await importEvents(recorder, file, { onProgress });
      expectEqual([imported.stored, imported.events], [MANY - 500, MANY], 'what came then');
      expectEqual(done, [500, 1_000, MANY], 'what was told of it');
      expectEqual(await eventsOf(recorder), events, 'what is there');
    });
  },
};

const goesOnWriting: Case = {
  name: 'a file that was broken off while it was written goes on behind its last checkpoint, and is the same file then',
  async run(context) {
    await withStore(context, async (recorder) => {
      await importEvents(recorder, await fileOf(await inMemory(many())));
      const whole = await fileOf(recorder);
      const begun = whole.slice(0, Math.floor(whole.size * 0.6));
      const { isComplete, keepBytes, checkpoint } = await findResumePoint(begun);
      expectTrue(!isComplete && checkpoint?.events === 500, 'where it goes on');
      const rest = await fileOf(recorder, checkpoint === undefined ? {} : { resume: checkpoint });
      const joined = new Blob([begun.slice(0, keepBytes), rest]);
      expectEqual(await joined.text(), await whole.text(), 'the file');
      expectTrue((await findResumePoint(joined)).isComplete, 'that it is whole');
      const newer = await fileOf(recorder, { after: (await recorder.maxNotificationId()) - 3 });
      expectEqual((await importEvents(new MemoryProcessRecorder(), newer)).events, 3, 'events behind a position');
    });
  },
};

const refusesDamage: Case = {
  name: 'a file that is damaged is refused where it is, and nothing of that group is stored',
  async run(context) {
    const events = many();
    const text = await (await fileOf(await inMemory(events))).text();
    const lines = text.split('\n');
    const changed: readonly (readonly [reason: string, stored: number, change: (all: string[]) => void])[] = [
      ['header', 0, (all) => (all[0] = '{"daybook":"states","format":1}')],
      ['checksum', 500, (all) => (all[600] = (all[600] as string).replace('topic1', 'topic2'))],
      ['line', 500, (all) => (all[600] = (all[600] as string).slice(0, -3))],
      ['order', 0, (all) => ([all[3], all[4]] = [all[4] as string, all[3] as string])],
      ['checksum', 0, (all) => all.splice(4, 1)],
      ['count', 1_000, (all) => (all[all.length - 3] = (all.at(-3) as string).replace('1203', '1204'))],
      ['hash', 0, (all) => (all[501] = (all[501] as string).replace(/"hash":"../, '"hash":"zz'))],
      ['cut', MANY, (all) => all.splice(-2, 1)],
      ['behind-end', MANY, (all) => all.push('{}', '')],
      ['count', MANY, (all) => (all[all.length - 2] = (all.at(-2) as string).replace('"events":1203', '"events":1'))],
    ];
    for (const [reason, stored, change] of changed) {
      const damaged = [...lines];
      change(damaged);
      await withStore(context, async (recorder) => {
        const error = await importEvents(recorder, new Blob([damaged.join('\n')])).catch((thrown: unknown) => thrown);
        const { code, details } = error as { code?: string; details?: { reason?: string; events?: number } };
        expectEqual([code, details?.reason, details?.events], ['EVENTS_FILE', reason, stored], `damage of ${reason}`);
        expectEqual((await eventsOf(recorder)).length, stored, `what is stored after damage of ${reason}`);
      });
    }
    await withStore(context, async (recorder) => {
      const newer = new Blob([text.replace('"format":1', '"format":2')]);
      await expectRejection(importEvents(recorder, newer), 'NOT_SUPPORTED', 'a file of a newer release');
    });
  },
};

const refusesForeign: Case = {
  name: 'another event in the place of one of the file is refused, and nothing of its group is stored',
  async run(context) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const file = await fileOf(await inMemory([...sampleEvents(a, 1, 3), ...sampleEvents(b, 1, 2)]));
    await withStore(context, async (recorder) => {
      const other = sampleEvent(b, 2, 'another');
      await recorder.insertEvents([...sampleEvents(b, 1, 1), other]);
      const error = await importEvents(recorder, file).catch((thrown: unknown) => thrown);
      const { code, details } = error as { code?: string; details?: Record<string, unknown> };
      expectEqual(code, 'FOREIGN_EVENT', 'the refusal');
      expectEqual(
        [details?.['originatorId'], details?.['originatorVersion'], details?.['position'], details?.['events']],
        [b, 2, 5, 0],
        'what it is about',
      );
      expectEqual(await recorder.selectEvents(a), [], 'what is there of the others');
    });
  },
};

const comesBetween: Case = {
  name: 'a file comes to what is there: what is the same stays, and the rest is recorded behind it',
  async run(context) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const theirs = [...sampleEvents(a, 1, 4), ...sampleEvents(b, 1, 2)];
    await withStore(context, async (recorder) => {
      const own = sampleEvents(newOriginatorId(), 1, 3);
      await recorder.insertEvents(own);
      await recorder.insertEvents(sampleEvents(a, 1, 2));
      const { stored, moved, events } = await importEvents(recorder, await fileOf(await inMemory(theirs)));
      expectEqual([stored, moved, events], [4, 4, 6], 'what came of it');
      const expected = [...own, ...sampleEvents(a, 1, 4), ...sampleEvents(b, 1, 2)];
      expectEqual(await eventsOf(recorder), expected, 'what is there');
    });
  },
};

const asksForMore: Case = {
  name: 'an import asks for the next bytes when the events before them are stored, and can be stopped',
  async run(context) {
    const file = new Uint8Array(await (await fileOf(await inMemory(many()))).arrayBuffer());
    await withStore(context, async (recorder) => {
      const seen: number[] = [];
      async function* slices(): AsyncGenerator<Uint8Array, void, undefined> {
        for (let at = 0; at < file.length; at += 20_000) {
          seen.push(await recorder.maxNotificationId());
          yield file.subarray(at, at + 20_000);
        }
      }
      const stop = new AbortController();
      const onProgress = (): void => stop.abort(new Error('enough'));
      const error = await importEvents(recorder, slices(), { signal: stop.signal, onProgress }).catch(
        (thrown: unknown) => thrown,
      );
      const { code, details, cause } = error as { code?: string; details?: { events?: number }; cause?: Error };
      expectEqual([code, details?.events, cause?.message], ['EVENTS_IMPORT', 500, 'enough'], 'the stop');
      expectTrue(
        seen.every((stored) => stored === 0 || stored === 500),
        'what was stored when bytes were asked for',
      );
      expectEqual((await eventsOf(recorder)).length, 500, 'what is stored');
      const fails = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
        yield file.subarray(0, Math.floor(file.length * 0.9));
        await Promise.reject(new Error('the network is gone'));
      };
      const broken = await importEvents(recorder, () => fails()).catch((thrown: unknown) => thrown);
      expectEqual((broken as { code?: string }).code, 'EVENTS_IMPORT', 'a source that fails');
      expectEqual((await importEvents(recorder, () => new Blob([file]).stream())).stored, MANY - 1_000, 'the rest');
    });
  },
};

/** Of a process recorder, whatever engine it is on. */
export const eventTransferCases: readonly Case[] = [
  comesAndGoes,
  ofAnEmptyStore,
  goesOn,
  goesOnWriting,
  refusesDamage,
  refusesForeign,
  comesBetween,
  asksForMore,
];
