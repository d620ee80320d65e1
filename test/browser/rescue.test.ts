import { deleteDaybook, importDaybook, openDaybook } from 'daybook';
import type { Daybook, StoredEvent, UnitPage } from 'daybook';
import { newOriginatorId, sampleEvent, sampleEvents } from 'daybook/testing';
import { describe, expect, test } from 'vitest';
import { faultyWorker } from './faulty-worker.js';
import { exists, newStoreName, openStore, settled, withWorkers } from './open-store.js';

const ALL = { eventsMax: 10_000, bytesMax: 1e8 };

/** Synchronises once, so that there is a rescue, and waits for it. */
const rescued = async (daybook: Daybook): Promise<Daybook> => {
  await daybook.recorder.syncProgress();
  await expect.poll(async () => (await daybook.storage.report()).rescue.state).toBe('on');
  return daybook;
};

/** What a browser does that is killed and finds its files damaged: the database is gone, and the files are there. */
const lose = async (name: string, workers: readonly Worker[]): Promise<void> => {
  for (const worker of workers) worker.terminate();
  await settled(indexedDB.deleteDatabase(`daybook:${name}`));
};

/** The folder of a store's files, if there is one. */
const rescueFolder = async (name: string): Promise<FileSystemDirectoryHandle | undefined> => {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(name)));
  const folder = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  try {
    const root = await navigator.storage.getDirectory();
    return await (await root.getDirectoryHandle('daybook-rescue')).getDirectoryHandle(folder);
  } catch {
    return undefined;
  }
};

const rescueFiles = async (name: string): Promise<readonly string[]> => {
  const folder = (await rescueFolder(name)) as { keys(): AsyncIterable<string> } | undefined;
  const names: string[] = [];
  if (folder !== undefined) for await (const key of folder.keys()) names.push(key);
  return names;
};

/** Changes a byte of some bytes in the files of a store. */
const damage = async (name: string, pattern: Uint8Array): Promise<void> => {
  const folder = (await rescueFolder(name))!;
  for (const key of await rescueFiles(name)) {
    const handle = await folder.getFileHandle(key);
    const text = new TextDecoder('latin1').decode(await (await handle.getFile()).arrayBuffer());
    const at = text.indexOf(new TextDecoder('latin1').decode(pattern));
    if (at < 0) continue;
    const writable = await handle.createWritable({ keepExistingData: true });
    await writable.write({ type: 'write', position: at, data: Uint8Array.of(7) });
    await writable.close();
    return;
  }
  throw new Error('It is in no file.');
};

/** The first page of a log, with one unit. */
const pageOf = (events: readonly StoredEvent[], id: string = crypto.randomUUID()): UnitPage => {
  const origin = { author: 'ann', recordedAtMs: 1, seal: new Uint8Array(0) };
  const position = events.length;
  const unit = { id, events, isCommutative: false, scopes: [], position, total: position, origin };
  return { from: '0', to: `${position}.a`, position, head: position, units: [unit] };
};

const statesOf = (events: readonly StoredEvent[]): readonly string[] =>
  events.map(({ originatorVersion, state }) => `${originatorVersion} ${state.join()}`);

describe('a store that the browser has lost', () => {
  test('comes back with what no server had confirmed, under its ids', async () => {
    const name = newStoreName();
    const [id, other] = [newOriginatorId(), newOriginatorId()];
    const unit = crypto.randomUUID();
    const before = await withWorkers(async (workers) => {
      const daybook = await openStore(name);
      await daybook.recorder.insertEvents([sampleEvent(id, 1)]);
      await rescued(daybook);
      await daybook.recorder.insertEvents([sampleEvent(id, 2), sampleEvent(other, 1)], { unit: { id: unit } });
      await daybook.recorder.transaction((transaction) => transaction.insertEvents([sampleEvent(id, 3)]));
      const { replicaId } = daybook;
      const pending = await daybook.recorder.selectPendingUnits(0, ALL);
      await lose(name, workers);
      return { replicaId, pending };
    });
    const again = await openStore(name);
    expect(again.replicaId).not.toBe(before.replicaId);
    expect(again.restored).toMatchObject({ replicaId: before.replicaId, units: 3, events: 4 });
    const pending = await again.recorder.selectPendingUnits(0, ALL);
    expect(pending.map((one) => [one.id, one.after])).toEqual(before.pending.map((one) => [one.id, one.after]));
    expect(pending[1]!.id).toBe(unit);
    expect(statesOf(await again.recorder.selectEvents(id))).toEqual(statesOf(sampleEvents(id, 1, 3)));
  });

  test('in several tabs that open at once: brought back once, and all of them say so', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    await withWorkers(async (workers) => {
      const tabs = [await openStore(name), await openStore(name)];
      for (const tab of tabs) await rescued(tab);
      for (const [index, tab] of tabs.entries()) await tab.recorder.insertEvents([sampleEvent(id, index + 1)]);
      await lose(name, workers);
    });
    const tabs = await Promise.all([openStore(name), openStore(name), openStore(name)]);
    for (const { restored, replicaId, recorder } of tabs) {
      expect(restored).toBeDefined();
      expect(replicaId).toBe(tabs[0].replicaId);
      expect(await recorder.selectEvents(id)).toHaveLength(2);
      expect(await recorder.maxNotificationId()).toBe(2);
    }
    // Who comes later may find less of it in the files: it is in the store.
    expect(Math.max(...tabs.map(({ restored }) => restored!.units))).toBe(2);
    // It was said; from then on it is a store like any other.
    expect((await openStore(name)).restored).toBeUndefined();
  });

  test('because its files were damaged, as Chromium says: comes back as well', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      await daybook.recorder.insertEvents([sampleEvent(id, 1)]);
      await lose(name, workers);
    });
    const again = await openStore(name, faultyWorker(['data-loss']).files);
    expect(again.restored).toMatchObject({ units: 1 });
    expect(await again.recorder.selectEvents(id)).toHaveLength(1);
  });

  test('and for which there is no room now: not shown empty, nor in part, and back as soon as there is', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      // More than comes back in one record.
      for (let version = 1; version <= 3; version++) {
        const state = new Uint8Array(700_000).fill(version);
        await daybook.recorder.insertEvents([{ ...sampleEvent(id, version), state }]);
      }
      await lose(name, workers);
    });
    // Of the first opening the first one is that of the new store's identity.
    for (const nth of [2, 1, 2]) {
      const { files } = faultyWorker([['quota', nth]]);
      await expect(openDaybook({ name, ...files })).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    }
    const again = await openStore(name);
    // The opening that brings it back says so, though the store was made by an earlier one.
    expect(again.restored).toMatchObject({ units: 3, events: 3 });
    expect(await again.recorder.selectEvents(id)).toHaveLength(3);
    expect((await again.recorder.syncProgress()).pendingUnits).toBe(3);
    await again.close();
    expect((await openStore(name)).restored).toBeUndefined();
  });

  test('and the rest of which comes back after the opening: the page is told then', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    const lostId = await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      for (let version = 1; version <= 3; version++) {
        const state = new Uint8Array(700_000).fill(version);
        await daybook.recorder.insertEvents([{ ...sampleEvent(id, version), state }]);
      }
      await lose(name, workers);
      return daybook.replicaId;
    });
    // One record has come back, and there is no room for the next.
    const { files } = faultyWorker([['quota', 3]]);
    await expect(openDaybook({ name, ...files })).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    const again = await openStore(name, faultyWorker(['file-quota', 'fast-clock']).files);
    expect(again.restored).toBeUndefined();
    expect((await again.recorder.selectEvents(id)).length).toBeLessThan(3);
    const heard: unknown[] = [];
    again.onRecorded(() => heard.push(again.restored));
    await expect
      .poll(async () => {
        await again.recorder.syncProgress();
        return again.restored;
      })
      .toMatchObject({ replicaId: lostId, units: 3, events: 3 });
    expect(heard.at(-1)).toEqual(again.restored);
    expect(await again.recorder.selectEvents(id)).toHaveLength(3);
  });

  test('and whose copy cannot be read now: not shown empty, and back as soon as it can', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      await daybook.recorder.insertEvents([sampleEvent(id, 1)]);
      await lose(name, workers);
    });
    const { files } = faultyWorker(['files-refused']);
    await expect(openDaybook({ name, ...files })).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { reason: 'rescue' },
    });
    expect(await (await openStore(name)).recorder.selectEvents(id)).toHaveLength(1);
  });

  test('and its copy is damaged: said which units are missing, once; the others come back', async () => {
    const name = newStoreName();
    const ids = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
    await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      for (const [index, id] of ids.entries()) {
        const state = new Uint8Array(50).fill(200 + index);
        await daybook.recorder.insertEvents([{ ...sampleEvent(newOriginatorId(), 1), state }], { unit: { id } });
      }
      await lose(name, workers);
    });
    await damage(name, new Uint8Array(50).fill(201));
    await expect(openDaybook({ name })).rejects.toMatchObject({
      code: 'STORAGE_LOST',
      details: { restoredUnits: 2, missingUnits: ids[1], missingUnitsTotal: 1, missingEvents: 1, isExact: true },
    });
    const again = await openStore(name);
    expect(again.restored).toBeUndefined();
    const pending = await again.recorder.selectPendingUnits(0, ALL);
    expect(pending.map((unit) => unit.id)).toEqual([ids[0], ids[2]]);
  });

  test('waits for what it stood on, is pending meanwhile, and waits no longer than to the end of the log', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    const unit = crypto.randomUUID();
    await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      await daybook.recorder.insertPage(pageOf([sampleEvent(id, 1)]));
      await daybook.recorder.insertEvents([sampleEvent(id, 2)], { unit: { id: unit } });
      await lose(name, workers);
    });
    const { recorder, storage } = await openStore(name);
    expect((await storage.report()).rescue.waitingUnits).toBe(1);
    expect(await recorder.syncProgress()).toMatchObject({ pendingUnits: 1, pendingEvents: 1, setAsideUnits: 0 });
    expect(await storage.report()).toMatchObject({ unsyncedEvents: 1 });
    // The server was lost as well.
    await recorder.insertPage({ from: '0', to: '0', position: 0, head: 0, units: [] });
    expect((await storage.report()).rescue.waitingUnits).toBe(0);
    expect(await recorder.syncProgress()).toMatchObject({ pendingUnits: 0, setAsideUnits: 1 });
    expect((await recorder.selectSetAside(0, ALL)).map((each) => each.id)).toEqual([unit]);
  });

  test('and was never synchronised: has no copy, and is said to be lost', async () => {
    const name = newStoreName();
    await withWorkers(async (workers) => {
      const daybook = await openStore(name);
      await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      expect((await daybook.storage.report()).rescue).toEqual({
        state: 'off',
        failure: undefined,
        bytes: 0,
        waitingUnits: 0,
      });
      await lose(name, workers);
    });
    expect(await rescueFiles(name)).toEqual([]);
    await expect(openDaybook({ name })).rejects.toMatchObject({ code: 'STORAGE_LOST' });
  });
});

describe('the copy', () => {
  test('is kept on in every opening after the first synchronisation', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    await (await rescued(await openStore(name))).close();
    await withWorkers(async (workers) => {
      const daybook = await openStore(name);
      expect((await daybook.storage.report()).rescue.state).toBe('on');
      await daybook.recorder.insertEvents([sampleEvent(id, 1)]);
      await lose(name, workers);
    });
    expect((await openStore(name)).restored).toMatchObject({ units: 1 });
  });

  test('goes with a store that is deleted', async () => {
    const name = newStoreName();
    const daybook = await rescued(await openStore(name));
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    expect(await rescueFiles(name)).not.toEqual([]);
    await daybook.close();
    await deleteDaybook(name, { evenIfUnsynced: true });
    expect(await rescueFiles(name)).toEqual([]);
    const again = await openStore(name);
    expect(again.restored).toBeUndefined();
    expect(await again.recorder.maxNotificationId()).toBe(0);
  });

  test('of a store that was lost keeps it from being deleted, and comes back after that', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      await daybook.recorder.insertEvents(sampleEvents(id, 1, 3));
      const unit = crypto.randomUUID();
      await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: { id: unit } });
      await lose(name, workers);
    });
    await expect(deleteDaybook(name)).rejects.toMatchObject({
      code: 'UNSYNCED_EVENTS',
      details: { name, pending: 4, lostUnits: 0, setAsideUnits: 0, rescuedEvents: 4 },
    });
    // To look makes no store, which would be taken for the one that was there.
    expect(await exists(name)).toBe(false);
    const again = await openStore(name);
    expect(again.restored).toMatchObject({ units: 2, events: 4 });
    expect(await again.recorder.selectEvents(id)).toHaveLength(3);
    await again.close();
    await expect(deleteDaybook(name)).rejects.toMatchObject({ details: { pending: 4, rescuedEvents: 0 } });
    await deleteDaybook(name, { evenIfUnsynced: true });
    expect(await rescueFiles(name)).toEqual([]);
    expect((await openStore(name)).restored).toBeUndefined();
  });

  test('of which a part waits for the server: counts beside what is in the store, once', async () => {
    const name = newStoreName();
    const [id, other] = [newOriginatorId(), newOriginatorId()];
    await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      await daybook.recorder.insertPage(pageOf([sampleEvent(id, 1)]));
      await daybook.recorder.insertEvents([sampleEvent(id, 2)]);
      await daybook.recorder.insertEvents(sampleEvents(other, 1, 2));
      await lose(name, workers);
    });
    const daybook = await openStore(name);
    expect((await daybook.storage.report()).rescue.waitingUnits).toBe(1);
    await daybook.close();
    await expect(deleteDaybook(name)).rejects.toMatchObject({
      code: 'UNSYNCED_EVENTS',
      details: { pending: 3, setAsideUnits: 0, rescuedEvents: 1 },
    });
    // What it waited for is not there any more: it is set aside, and in the store.
    const again = await openStore(name);
    await again.recorder.insertPage({ from: '0', to: '0', position: 0, head: 0, units: [] });
    await again.close();
    await expect(deleteDaybook(name)).rejects.toMatchObject({
      code: 'UNSYNCED_EVENTS',
      details: { pending: 2, setAsideUnits: 1, rescuedEvents: 0 },
    });
  });

  test('of a store that was lost is no obstacle once a server has confirmed it', async () => {
    const name = newStoreName();
    const unit = crypto.randomUUID();
    const events = sampleEvents(newOriginatorId(), 1, 2);
    await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      await daybook.recorder.insertEvents(events, { unit: { id: unit } });
      await lose(name, workers);
    });
    const again = await openStore(name);
    await again.recorder.insertPage(pageOf(events, unit));
    await again.close();
    await deleteDaybook(name);
    expect(await exists(name)).toBe(false);
    expect(await rescueFiles(name)).toEqual([]);
  });

  test('that cannot be read: the store is not deleted, unless told otherwise', async () => {
    const name = newStoreName();
    await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      await lose(name, workers);
    });
    const { files } = faultyWorker(['files-refused']);
    await expect(deleteDaybook(name, files)).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { reason: 'rescue', name },
    });
    expect(await rescueFiles(name)).not.toEqual([]);
    await deleteDaybook(name, { ...files, evenIfUnsynced: true });
    expect(await rescueFiles(name)).toEqual([]);
  });

  test('of a worker that was terminated is no obstacle to a deletion', async () => {
    const name = newStoreName();
    await withWorkers(async (workers) => {
      await rescued(await openStore(name));
      for (const worker of workers) worker.terminate();
    });
    await deleteDaybook(name, { evenIfUnsynced: true });
    expect(await rescueFiles(name)).toEqual([]);
  });

  test('goes where a file is imported in the place of a store that was lost', async () => {
    const name = newStoreName();
    const source = await openStore(newStoreName());
    await source.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    const from = await new Response(source.storage.export()).blob();
    await withWorkers(async (workers) => {
      const daybook = await rescued(await openStore(name));
      await daybook.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 5));
      await lose(name, workers);
    });
    await importDaybook({ name, from });
    expect(await rescueFiles(name)).toEqual([]);
    const again = await openStore(name);
    expect(again.restored).toBeUndefined();
    expect(await again.recorder.maxNotificationId()).toBe(1);
  });

  test('where there are no such files: everything else works, and the report says so', async () => {
    const daybook = await openStore(newStoreName(), faultyWorker(['no-files']).files);
    await daybook.recorder.syncProgress();
    await expect.poll(async () => (await daybook.storage.report()).rescue.state).toBe('unavailable');
    expect(await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([1]);
  });

  test('where there was no room for a file: it is tried again, and what was recorded meanwhile is in it', async () => {
    const name = newStoreName();
    const originatorId = newOriginatorId();
    await withWorkers(async (workers) => {
      const daybook = await openStore(name, faultyWorker(['file-quota', 'fast-clock']).files);
      await daybook.recorder.syncProgress();
      const state = async (): Promise<string> => (await daybook.storage.report()).rescue.state;
      await expect.poll(state).toBe('unavailable');
      expect((await daybook.storage.report()).rescue.failure).toContain('QuotaExceededError');
      await daybook.recorder.insertEvents(sampleEvents(originatorId, 1, 3));
      await expect
        .poll(async () => {
          await daybook.recorder.syncProgress();
          return state();
        })
        .toBe('on');
      // Its work in the background is done when the file has it.
      await expect.poll(async () => (await daybook.storage.report()).rescue.bytes).toBeGreaterThan(300);
      await lose(name, workers);
    });
    const again = await openStore(name);
    expect(again.restored).toMatchObject({ units: 1, events: 3 });
    expect(await again.recorder.selectEvents(originatorId)).toHaveLength(3);
  });
});
