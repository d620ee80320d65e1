import { newOriginatorId, sampleEvent } from 'daybook/testing';
import { expect, onTestFinished, test } from 'vitest';
import { newStoreName, openStore, settled } from '../../browser/open-store.js';

// WebKitGTK gives an origin a gigabyte, little enough to be really filled, unlike the share of a disk that others give.
const FILLER_BYTES = 20_000_000;
const FILLERS_MAX = 100;

async function fillQuota(): Promise<() => Promise<void>> {
  const name = `filler-${crypto.randomUUID()}`;
  const opening = indexedDB.open(name);
  opening.onupgradeneeded = () => opening.result.createObjectStore('filler');
  const database = await settled(opening);
  const release = async (): Promise<void> => {
    database.close();
    await settled(indexedDB.deleteDatabase(name));
  };
  for (let key = 0; key < FILLERS_MAX; key++) {
    const { error } = await put(database, key, FILLER_BYTES);
    if (error === 'QuotaExceededError') return release;
    expect(error).toBeUndefined();
  }
  await release();
  throw new Error(`${FILLERS_MAX} times ${FILLER_BYTES} bytes did not fill the quota.`);
}

function put(database: IDBDatabase, key: number, bytes: number): Promise<{ readonly error: string | undefined }> {
  const transaction = database.transaction('filler', 'readwrite');
  const request = transaction.objectStore('filler').put(new Uint8Array(bytes), key);
  return new Promise((resolve) => {
    transaction.oncomplete = () => resolve({ error: undefined });
    transaction.onabort = () => resolve({ error: (transaction.error ?? request.error)?.name });
  });
}

test('a quota that is really full: refused as such, nothing lost, and usable when there is room', async () => {
  const name = newStoreName();
  const daybook = await openStore(name);
  const id = newOriginatorId();
  await daybook.recorder.insertEvents([sampleEvent(id, 1)]);
  const release = await fillQuota();
  onTestFinished(release);
  const large = { ...sampleEvent(id, 2), state: new Uint8Array(600_000) };
  for (let attempt = 1; attempt <= 2; attempt++) {
    await expect(daybook.recorder.insertEvents([large])).rejects.toMatchObject({ code: 'STORAGE_FULL' });
  }
  expect(await daybook.recorder.maxNotificationId()).toBe(1);
  await release();
  expect(await daybook.recorder.insertEvents([large])).toEqual([2]);
  await daybook.close();
  expect(await (await openStore(name)).recorder.maxNotificationId()).toBe(2);
}, 120_000);
