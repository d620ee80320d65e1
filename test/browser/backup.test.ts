import { deleteDaybook, importDaybook, openDaybook } from 'daybook';
import type { Daybook, ImportProgress, OpenProgress, StoredEvent } from 'daybook';
import { newOriginatorId, sampleEvent, sampleEvents } from 'daybook/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { faultyWorker } from './faulty-worker.js';
import { exists, newStoreName, openStore, rawJournal, settled, withWorkers } from './open-store.js';
import { PATIENTLY } from '../support/patience.js';

// A tenth of what makes a checkpoint due.
const LARGE_STATE_BYTES = 110_000;

const everything = async ({ recorder }: Daybook): Promise<string[]> =>
  (await recorder.selectNotifications({ start: 1, limit: 100_000 })).map(
    ({ id, originatorId, originatorVersion, topic, state }) =>
      [id, originatorId, originatorVersion, topic, state.length, state[0], state.at(-1)].join(),
  );

const large = (originatorId: string, version: number): StoredEvent => ({
  ...sampleEvent(originatorId, version),
  // So that no two chunks of an image are the same.
  state: new Uint8Array(LARGE_STATE_BYTES).map((_byte, index) => version * 31 + index),
});

/** Writes until a checkpoint holds it all. */
const writeUntilCheckpointed = async (daybook: Daybook): Promise<void> => {
  const id = newOriginatorId();
  for (let version = 1; version <= 24; version++) await daybook.recorder.insertEvents([large(id, version)]);
  await vi.waitUntil(async () => (await daybook.storage.report()).recordsSinceCheckpoint === 0, {
    timeout: 20_000,
    interval: 100,
  });
};

/** A store with an image of several chunks, records after it, and six of its events confirmed. */
const grownStore = async (): Promise<Daybook> => {
  const daybook = await openStore(newStoreName());
  await writeUntilCheckpointed(daybook);
  await daybook.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3), {
    tracking: { applicationName: 'upstream', notificationId: 4 },
  });
  await daybook.recorder.insertEvents([], { tracking: { applicationName: 'daybook:push', notificationId: 6 } });
  return daybook;
};

const smallStore = async (events: number = 5): Promise<Daybook> => {
  const daybook = await openStore(newStoreName());
  for (const event of sampleEvents(newOriginatorId(), 1, events)) await daybook.recorder.insertEvents([event]);
  return daybook;
};

const fileOf = (daybook: Daybook): Promise<Blob> => new Response(daybook.storage.export()).blob();

/** A new name for a store that is deleted when the test ends. */
const importName = (): string => {
  const name = newStoreName();
  onTestFinished(() => deleteDaybook(name, { evenIfUnsynced: true }));
  return name;
};

/** The file as a stream that comes to a halt, and never goes on, after some bytes. */
const halting = (file: Blob, afterBytes: number): { stream: ReadableStream<Uint8Array>; halted: Promise<void> } => {
  let halt: () => void = () => undefined;
  const halted = new Promise<void>((resolve) => (halt = resolve));
  let at = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (at >= afterBytes) {
          halt();
          return new Promise(() => undefined);
        }
        const part = file.slice(at, Math.min(afterBytes, at + 100_000));
        at += part.size;
        controller.enqueue(new Uint8Array(await part.arrayBuffer()));
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, halted };
};

/** Begins an import and breaks it off in the middle. */
const breakOff = async (name: string, file: Blob, afterBytes: number): Promise<void> => {
  const { stream, halted } = halting(file, afterBytes);
  const controller = new AbortController();
  const importing = importDaybook({ name, from: stream, signal: controller.signal });
  void halted.then(() => controller.abort(new Error('broken off')));
  await expect(importing).rejects.toThrow('broken off');
};

const metaOf = async <T>(
  name: string,
  mode: IDBTransactionMode,
  work: (meta: IDBObjectStore) => IDBRequest<T>,
): Promise<T> => {
  const database = await settled(indexedDB.open(`daybook:${name}`));
  try {
    return await settled(work(database.transaction('meta', mode).objectStore('meta')));
  } finally {
    database.close();
  }
};

describe('a store with an image and records after it', { timeout: 60_000 }, () => {
  test('goes through a file, as a copy or as the original', async () => {
    const original = await grownStore();
    const file = await fileOf(original);
    const truth = await everything(original);
    const copyName = importName();
    const imported = await importDaybook({ name: copyName, from: file });
    expect(imported).toMatchObject({ events: 27, unsyncedEvents: 21 });
    const copy = await openStore(copyName);
    expect(await everything(copy)).toEqual(truth);
    expect(await copy.recorder.maxTrackingId('upstream')).toBe(4);
    expect(await copy.recorder.maxTrackingId('daybook:push')).toBe(6);
    expect(copy).toMatchObject({ replicaId: imported.replicaId });
    expect(copy.replicaId).not.toBe(original.replicaId);
    expect((await copy.storage.report()).recordsSinceCheckpoint).toBe(2);

    const movedName = importName();
    await importDaybook({ name: movedName, from: file.stream(), as: 'original' });
    const moved = await openStore(movedName);
    expect(moved).toMatchObject({ replicaId: original.replicaId });
    expect(await everything(moved)).toEqual(truth);

    // An imported store is like any other: it records, it is opened again, it is exported.
    expect(await copy.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([28]);
    await writeUntilCheckpointed(copy);
    const again = await fileOf(copy);
    await copy.close();
    const reopened = await openStore(copyName);
    expect(await reopened.recorder.maxNotificationId()).toBe(52);
    const thirdName = importName();
    await importDaybook({ name: thirdName, from: again, as: 'original' });
    expect(await openStore(thirdName)).toMatchObject({ replicaId: copy.replicaId });
  });

  test('is imported a second time from where the first attempt stopped', async () => {
    const original = await grownStore();
    const file = await fileOf(original);
    const name = importName();
    await breakOff(name, file, 2_400_000);
    await expect(openDaybook({ name })).rejects.toMatchObject({ code: 'IMPORT_INCOMPLETE', details: { name } });
    // Two chunks of 1 MiB are whole.
    expect(await metaOf(name, 'readonly', (meta) => meta.get('import'))).toMatchObject({ blocks: 2 });
    await metaOf(name, 'readwrite', (meta) => meta.put(123, 'probe'));
    const progress: ImportProgress[] = [];
    const { events } = await importDaybook({ name, from: file, onProgress: (one) => progress.push(one) });
    expect(events).toBe(27);
    // The same database, in which no chunk was written twice.
    expect(await metaOf(name, 'readonly', (meta) => meta.get('probe'))).toBe(123);
    expect(await metaOf(name, 'readonly', (meta) => meta.get('import'))).toBeUndefined();
    const database = await settled(indexedDB.open(`daybook:${name}`));
    expect(await settled(database.transaction('chunks').objectStore('chunks').getAllKeys())).toEqual([1, 2, 3]);
    database.close();
    expect(await everything(await openStore(name))).toEqual(await everything(original));
    expect(progress.find(({ phase }) => phase === 'file')).toMatchObject({ totalBytes: file.size });
    expect(progress.filter(({ phase }) => phase === 'file').at(-1)).toMatchObject({ doneBytes: file.size });
    expect(progress.at(-1)).toEqual({ phase: 'journal', doneRecords: 2, totalRecords: 2 });
  });

  test('opens with progress, and can be aborted in the middle of it', async () => {
    const daybook = await grownStore();
    const { name } = daybook;
    await daybook.close();
    const progress: OpenProgress[] = [];
    const opened = await openStore(name, { onProgress: (one) => progress.push(one) });
    const image = progress.filter((one) => one.phase === 'image');
    expect(image.at(-1)?.doneBytes).toBe(image.at(-1)?.totalBytes);
    expect(image.at(-1)?.totalBytes).toBeGreaterThan(24 * LARGE_STATE_BYTES);
    expect(progress.at(-1)).toEqual({ phase: 'journal', doneRecords: 2, totalRecords: 2 });
    await opened.close();
    const controller = new AbortController();
    const opening = openDaybook({
      name,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('changed my mind')),
    });
    await expect(opening).rejects.toThrow('changed my mind');
    // Nobody holds it any more.
    await deleteDaybook(name, { evenIfUnsynced: true, timeoutMs: 1_000 });
    expect(await exists(name)).toBe(false);
  });

  test('is opened, exported and imported whatever becomes of the progress that is told, and the page hears of it', async () => {
    const daybook = await grownStore();
    const { name } = daybook;
    await daybook.close();
    const reported: unknown[] = [];
    vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
    const onProgress = (): never => {
      throw new RangeError('of a user');
    };
    const hears = (): void => {
      expect(new Set(reported.splice(0).map(String))).toEqual(new Set(['RangeError: of a user']));
    };
    try {
      const opened = await openStore(name, { onProgress });
      hears();
      const file = await new Response(opened.storage.export({ format: 'sqlite', onProgress })).blob();
      expect(file.size).toBeGreaterThan(0);
      hears();
      const { events } = await importDaybook({ name: importName(), from: await fileOf(opened), onProgress });
      expect(events).toBe(27);
      hears();
    } finally {
      vi.unstubAllGlobals();
    }
  });

  test('is not checkpointed while an export is read, and is when that ends', async () => {
    const daybook = await openStore(newStoreName());
    await daybook.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    const reader = daybook.storage.export().getReader();
    await reader.read();
    const id = newOriginatorId();
    for (let version = 1; version <= 12; version++) await daybook.recorder.insertEvents([large(id, version)]);
    // Longer than the pause after which one would be written.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await daybook.storage.report()).recordsSinceCheckpoint).toBe(13);
    await reader.cancel();
    await expect
      .poll(() => daybook.storage.report(), { timeout: 10_000 })
      .toMatchObject({ recordsSinceCheckpoint: 0, checkpointFailure: undefined });
  });
});

describe('an export', () => {
  test('holds one state, while tabs go on', async () => {
    const first = await smallStore();
    const second = await openStore(first.name);
    let isOver = false;
    const busy = [first, second].map(async ({ recorder }) => {
      while (!isOver) await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 2));
    });
    const files: Blob[] = [];
    for (let round = 1; round <= 3; round++) files.push(await fileOf(first));
    isOver = true;
    await Promise.all(busy);
    await vi.waitUntil(
      async () => (await first.recorder.maxNotificationId()) === (await second.recorder.maxNotificationId()),
      PATIENTLY,
    );
    const truth = await everything(first);
    for (const from of files) {
      const name = importName();
      const { events } = await importDaybook({ name, from });
      expect(await everything(await openStore(name))).toEqual(truth.slice(0, events));
      expect(events % 2).toBe(1);
    }
  });

  test('as a SQLite file is one, with everything in it', async () => {
    const daybook = await smallStore(3);
    const progress: OpenProgress[] = [];
    const stream = daybook.storage.export({ format: 'sqlite', onProgress: (one) => progress.push(one) });
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    expect(new TextDecoder().decode(bytes.subarray(0, 16))).toBe('SQLite format 3\0');
    expect(new TextDecoder('latin1').decode(bytes)).toContain(sampleEvent(newOriginatorId(), 1).topic);
    expect(progress.at(-1)).toEqual({ phase: 'image', doneBytes: bytes.length, totalBytes: bytes.length });
    // The store goes on, and does not take it for its own format.
    expect(await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([4]);
    const importing = importDaybook({ name: newStoreName(), from: new Blob([bytes]) });
    await expect(importing).rejects.toMatchObject({ code: 'FOREIGN_FILE' });
  });

  test('of a store that is gone says so, and makes none', async () => {
    const daybook = await smallStore(1);
    await settled(indexedDB.deleteDatabase(`daybook:${daybook.name}`));
    await expect(daybook.storage.export().getReader().read()).rejects.toMatchObject({ code: 'STORAGE_LOST' });
    expect(await exists(daybook.name)).toBe(false);
  });

  test('whose worker dies says so, and the store goes on', async () => {
    const daybook = await smallStore(1);
    await withWorkers(async (workers) => {
      const reader = daybook.storage.export().getReader();
      await reader.read();
      workers.at(-1)?.terminate();
      await expect(reader.read()).rejects.toMatchObject({ code: 'WORKER_DIED' });
    });
    expect(await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([2]);
    expect((await fileOf(daybook)).size).toBeGreaterThan(0);
  });

  test('whose worker does not load says so, and the store goes on', async () => {
    const daybook = await openStore(newStoreName(), { backupWorkerUrl: '/no-such-worker.js' });
    await expect(daybook.storage.export().getReader().read()).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    expect(await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([1]);
  });

  test('of a store that was closed is refused', async () => {
    const daybook = await smallStore(1);
    await daybook.close();
    await expect(daybook.storage.export().getReader().read()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });

  test('of another format is refused', async () => {
    const daybook = await smallStore(1);
    expect(() => daybook.storage.export({ format: 'csv' as 'sqlite' })).toThrow('"daybook" or as "sqlite"');
  });

  test('ends with the reason of its signal, and with the store', async () => {
    const daybook = await smallStore();
    const controller = new AbortController();
    const aborted = daybook.storage.export({ signal: controller.signal }).getReader();
    await aborted.read();
    controller.abort(new Error('enough'));
    await expect(aborted.read()).rejects.toThrow('enough');
    const before = daybook.storage.export({ signal: AbortSignal.abort(new Error('not now')) });
    await expect(before.getReader().read()).rejects.toThrow('not now');
    const open = daybook.storage.export().getReader();
    await open.read();
    await daybook.close();
    await expect(open.read()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });
});

describe('an import', { timeout: 30_000 }, () => {
  test('refuses a file that is foreign, damaged, truncated or newer, and leaves nothing behind', async () => {
    const file = new Uint8Array(await (await fileOf(await smallStore())).arrayBuffer());
    const changed = (at: number, byte: number): Uint8Array<ArrayBuffer> => file.slice().fill(byte, at, at + 1);
    const cases: readonly (readonly [string, Uint8Array<ArrayBuffer>])[] = [
      ['FOREIGN_FILE', new TextEncoder().encode('{"events":[]}')],
      ['DAMAGED_FILE', changed(60, 0)],
      ['DAMAGED_FILE', changed(file.length - 100, 0xaa)],
      ['DAMAGED_FILE', file.slice(0, -1)],
      ['DAMAGED_FILE', file.slice(0, 200)],
      ['NOT_SUPPORTED', changed(8, 2)],
    ];
    for (const [code, bytes] of cases) {
      const name = newStoreName();
      await expect(importDaybook({ name, from: new Blob([bytes]) })).rejects.toMatchObject({ code });
      expect(await exists(name)).toBe(false);
    }
  });

  test('refuses a name that is taken, and does not touch that store', async () => {
    const [file, other] = [await fileOf(await smallStore()), await smallStore(2)];
    const before = await rawJournal(other.name, 'readonly', (journal) => journal.getAll());
    const isOpen = importDaybook({ name: other.name, from: file });
    await expect(isOpen).rejects.toMatchObject({ code: 'STORE_EXISTS', details: { name: other.name } });
    await other.close();
    const isClosed = importDaybook({ name: other.name, from: file });
    await expect(isClosed).rejects.toMatchObject({ code: 'STORE_EXISTS' });
    expect(await rawJournal(other.name, 'readonly', (journal) => journal.getAll())).toEqual(before);
    expect(await openStore(other.name)).toMatchObject({ replicaId: other.replicaId });
  });

  test('of another file begins anew where one was broken off', async () => {
    const [one, two] = [await smallStore(4), await smallStore(2)];
    const name = importName();
    const file = await fileOf(one);
    await breakOff(name, file, file.size - 10);
    expect(await metaOf(name, 'readonly', (meta) => meta.get('import'))).toMatchObject({ blocks: 1 });
    await importDaybook({ name, from: await fileOf(two) });
    expect(await everything(await openStore(name))).toEqual(await everything(two));
  });

  test('that was broken off can be given up, without a word about unsynced events', async () => {
    const name = newStoreName();
    const file = await fileOf(await smallStore());
    await breakOff(name, file, file.size - 10);
    await deleteDaybook(name);
    expect(await exists(name)).toBe(false);
  });

  test('whose worker dies says so, and goes on the next time', async () => {
    const file = await fileOf(await smallStore());
    const name = importName();
    await withWorkers(async (workers) => {
      const { stream, halted } = halting(file, file.size - 10);
      const importing = importDaybook({ name, from: stream });
      void halted.then(() => workers.at(-1)?.terminate());
      await expect(importing).rejects.toMatchObject({ code: 'WORKER_DIED' });
    });
    await expect(openDaybook({ name })).rejects.toMatchObject({ code: 'IMPORT_INCOMPLETE' });
    expect(await importDaybook({ name, from: file })).toMatchObject({ events: 5 });
  });

  test('for which there is no room keeps what it has, and goes on when there is', async () => {
    const file = await fileOf(await smallStore());
    const name = importName();
    await breakOff(name, file, 300);
    const full = faultyWorker(['quota']);
    const importing = importDaybook({ name, from: file, ...full.files });
    await expect(importing).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    await expect(openDaybook({ name })).rejects.toMatchObject({ code: 'IMPORT_INCOMPLETE' });
    expect(await importDaybook({ name, from: file })).toMatchObject({ events: 5 });
  });

  test('that is broken off again and again, wherever it is, is finished in the end', async () => {
    const original = await smallStore(40);
    const file = await fileOf(original);
    const name = importName();
    let brokenOff = 0;
    const importing = async (afterCalls: number): Promise<unknown> => {
      const controller = new AbortController();
      let calls = 0;
      const onProgress = (): void => {
        if (++calls === afterCalls) controller.abort('again');
      };
      return importDaybook({ name, from: file, signal: controller.signal, onProgress }).catch(
        (error: unknown) => error,
      );
    };
    while ((await importing(brokenOff + 1)) === 'again') {
      brokenOff++;
      const refusal: unknown = await openDaybook({ name }).then(
        (store) => store.close(),
        (error: unknown) => error,
      );
      // Broken off at its last word: all of it was there by then.
      if (refusal === undefined) break;
      expect(refusal).toMatchObject({ code: 'IMPORT_INCOMPLETE' });
    }
    // How far it is when it hears of that depends on the machine: that it goes on from a certain place is shown above.
    expect(brokenOff).toBeGreaterThanOrEqual(1);
    expect(await everything(await openStore(name))).toEqual(await everything(original));
  });

  test('says how many events there are and what was set aside, which comes along', async () => {
    const original = await openStore(newStoreName());
    const a = newOriginatorId();
    await original.recorder.insertEvents(sampleEvents(a, 1, 4));
    await original.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 2));
    const [refused] = await original.recorder.selectPendingUnits(0, { eventsMax: 1, bytesMax: 1 });
    const reason = { code: 'FORBIDDEN', message: 'not yours' };
    await original.recorder.setAside([{ id: refused!.id, reason }]);
    const name = importName();
    // The largest id is 6.
    expect(await importDaybook({ name, from: await fileOf(original) })).toMatchObject({
      ...{ events: 2, unsyncedEvents: 2, lostUnits: 0, setAsideUnits: 1 },
    });
    const copy = await openStore(name);
    const all = { eventsMax: 100, bytesMax: 1e9 };
    expect(await copy.recorder.selectSetAside(0, all)).toMatchObject([{ id: refused!.id, reason }]);
    // The same units, so that the server knows them whoever sends them.
    expect(await copy.recorder.selectPendingUnits(0, all)).toEqual(await original.recorder.selectPendingUnits(0, all));
    expect(copy.replicaId).not.toBe(original.replicaId);
  });

  test('brings the tables of the application along', async () => {
    const original = await smallStore(1);
    await original.recorder.transaction(async ({ connection }) => {
      await connection.query('CREATE TABLE shelf (name TEXT PRIMARY KEY, amount INTEGER)');
      await connection.query("INSERT INTO shelf VALUES ('A', 12), ('B', 7)");
    });
    const name = importName();
    await importDaybook({ name, from: await fileOf(original) });
    const { rows } = await (await openStore(name)).query('SELECT * FROM shelf ORDER BY name');
    expect(rows).toEqual([
      { name: 'A', amount: 12 },
      { name: 'B', amount: 7 },
    ]);
  });

  test('is done by one tab at a time', async () => {
    const file = await fileOf(await smallStore());
    const name = importName();
    const { stream, halted } = halting(file, 300);
    const controller = new AbortController();
    const first = importDaybook({ name, from: stream, signal: controller.signal });
    await halted;
    await expect(importDaybook({ name, from: file })).rejects.toMatchObject({ code: 'STORE_IN_USE' });
    controller.abort(new Error('over'));
    await expect(first).rejects.toThrow('over');
    expect(await importDaybook({ name, from: file })).toMatchObject({ events: 5 });
  });

  test('passes on the error of the stream that it reads', async () => {
    const failing = new ReadableStream<Uint8Array>({
      pull: () => Promise.reject(new RangeError('the network is gone')),
    });
    const importing = importDaybook({ name: newStoreName(), from: failing });
    await expect(importing).rejects.toThrow(new RangeError('the network is gone'));
  });

  test('of an empty store makes an empty store', async () => {
    const name = importName();
    const { events } = await importDaybook({ name, from: await fileOf(await openStore(newStoreName())) });
    expect(events).toBe(0);
    const daybook = await openStore(name);
    expect(await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([1]);
  });

  test('with a wrong option is refused', async () => {
    const from = new Blob();
    await expect(importDaybook({ name: '', from })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    const other = importDaybook({ name: newStoreName(), from, as: 'twin' as 'copy' });
    await expect(other).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});
