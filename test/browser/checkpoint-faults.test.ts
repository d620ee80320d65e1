import { deleteDaybook, importDaybook, openDaybook } from 'daybook';
import { newOriginatorId, sampleEvent } from 'daybook/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { faultyWorker } from './faulty-worker.js';
import { exists, newStoreName, openStore, settled } from './open-store.js';

describe('storage that fails', () => {
  test('a full quota: the commit is refused, nothing is lost, and the store is usable as soon as there is room', async () => {
    const name = newStoreName();
    const { files, inject } = faultyWorker();
    const daybook = await openStore(name, files);
    const id = newOriginatorId();
    await daybook.recorder.insertEvents([sampleEvent(id, 1)]);
    await inject('quota');
    await expect(daybook.recorder.insertEvents([sampleEvent(id, 2)])).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(await daybook.recorder.maxNotificationId()).toBe(1);
    // Only a new connection can write now.
    expect(await daybook.recorder.insertEvents([sampleEvent(id, 2)])).toEqual([2]);
    expect(await (await openStore(name)).recorder.maxNotificationId()).toBe(2);
  });

  test('a full quota while opening: what is stored can be read', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    await (await openStore(name)).recorder.insertEvents([sampleEvent(id, 1)]);
    const { files } = faultyWorker(['quota']);
    const daybook = await openStore(name, files);
    expect(await daybook.recorder.selectEvents(id)).toHaveLength(1);
  });

  test('a connection that the browser closes is opened again', async () => {
    const name = newStoreName();
    const { files, inject } = faultyWorker();
    const daybook = await openStore(name, files);
    const id = newOriginatorId();
    for (let version = 1; version <= 3; version++) {
      expect(await daybook.recorder.insertEvents([sampleEvent(id, version)])).toEqual([version]);
      await inject('close');
    }
    expect(await (await openStore(name)).recorder.maxNotificationId()).toBe(3);
  });

  test('a connection that is closed, of a store that is deleted then: lost, never empty', async () => {
    const name = newStoreName();
    const { files, inject } = faultyWorker();
    const daybook = await openStore(name, files);
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await inject('close');
    await settled(indexedDB.deleteDatabase(`daybook:${name}`));
    for (let attempt = 1; attempt <= 2; attempt++) {
      const insert = daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      await expect(insert).rejects.toMatchObject({ code: 'STORAGE_LOST' });
    }
    // The attempt to open it has not made it again either.
    expect(await exists(name)).toBe(false);
  });

  test('a store that is deleted and made again by another tab: lost, for the tab that had the first one', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await settled(indexedDB.deleteDatabase(`daybook:${name}`));
    await expect(openDaybook({ name })).rejects.toMatchObject({ code: 'STORAGE_LOST' });
    const other = await openStore(name);
    expect(await other.recorder.maxNotificationId()).toBe(0);
    const insert = daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await expect(insert).rejects.toMatchObject({ code: 'STORAGE_LOST' });
    expect(await other.recorder.maxNotificationId()).toBe(0);
  });

  test('another tab that upgrades the store, and fails: this one goes on', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    const upgrade = indexedDB.open(`daybook:${name}`, 99);
    upgrade.onupgradeneeded = () => upgrade.transaction?.abort();
    await expect(settled(upgrade)).rejects.toMatchObject({ name: 'AbortError' });
    expect(await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([2]);
  });

  test('another tab that upgrades the store: this one says that it needs the newer version', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    (await settled(indexedDB.open(`daybook:${name}`, 99))).close();
    const insert = daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await expect(insert).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  test('storage that the browser threw away because it was damaged: said so, before an empty store is made', async () => {
    const name = newStoreName();
    const opening = openDaybook({ name, ...faultyWorker(['data-loss']).files });
    await expect(opening).rejects.toMatchObject({ code: 'STORAGE_LOST' });
    expect(await exists(name)).toBe(false);
    expect(await (await openStore(name)).recorder.maxNotificationId()).toBe(0);
  });

  test('a database that is gone, and nobody said so: said so once, by every tab that opens at that moment', async () => {
    const name = newStoreName();
    const { replicaId } = await openStore(name);
    await settled(indexedDB.deleteDatabase(`daybook:${name}`));
    const openings = await Promise.allSettled([openDaybook({ name }), openDaybook({ name })]);
    for (const opening of openings) {
      expect(opening).toMatchObject({ status: 'rejected', reason: { code: 'STORAGE_LOST', details: { replicaId } } });
    }
    const anew = await openStore(name);
    expect(await anew.recorder.maxNotificationId()).toBe(0);
    await anew.close();
    expect((await openStore(name)).replicaId).toBe(anew.replicaId);
  });

  test('a store that deleteDaybook deleted, and one that was imported, are nobody else: opened without a word', async () => {
    const [name, source] = [newStoreName(), await openStore(newStoreName())];
    const file = await new Response(source.storage.export()).blob();
    await (await openDaybook({ name })).close();
    await deleteDaybook(name, { evenIfUnsynced: true });
    await (await openDaybook({ name })).close();
    await settled(indexedDB.deleteDatabase(`daybook:${name}`));
    const { replicaId } = await importDaybook({ name, from: file });
    expect((await openStore(name)).replicaId).toBe(replicaId);
  });

  test('without localStorage: nothing is remembered, and everything else works', async () => {
    const refused = vi.spyOn(Storage.prototype, 'getItem').mockImplementation(() => {
      throw new DOMException('refused', 'SecurityError');
    });
    onTestFinished(() => refused.mockRestore());
    const name = newStoreName();
    await openStore(name);
    await settled(indexedDB.deleteDatabase(`daybook:${name}`));
    expect(await (await openStore(name)).recorder.maxNotificationId()).toBe(0);
  });

  test('storage that opens and cannot be written: not opened', async () => {
    const { files } = faultyWorker(['no-writing']);
    const opening = openDaybook({ name: newStoreName(), ...files });
    await expect(opening).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});

describe('durability', () => {
  test.each(['strict', 'relaxed'] as const)('%s stores', async (durability) => {
    const name = newStoreName();
    const daybook = await openStore(name, { durability });
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await daybook.close();
    expect(await (await openStore(name)).recorder.maxNotificationId()).toBe(1);
  });

  test('of another kind is refused', async () => {
    const opening = openDaybook({ name: newStoreName(), durability: 'hopeful' as 'strict' });
    await expect(opening).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});
