import type { Daybook, UnitPage } from 'daybook';
import { openStore as openHosted } from 'daybook/host';
import { startSync } from 'daybook/sync';
import type { Sync, SyncStatus } from 'daybook/sync';
import { newOriginatorId, sampleEvent } from 'daybook/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newStoreName, openStore } from './open-store.js';

const ALL = { eventsMax: 10_000, bytesMax: 1e8 };

/** A server that cannot be reached, ever. */
const startInVain = (store: Daybook): Sync => {
  const fetch = (): Promise<Response> => Promise.reject(new TypeError('no network'));
  const sync = startSync({ store, url: 'https://sync.example.com', fetch });
  onTestFinished(async () => sync.close());
  return sync;
};

const backlogOf = ({ status }: Sync): SyncStatus['backlog'] => status.value.backlog;

const record = (recorder: Daybook['recorder']): Promise<unknown> =>
  recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);

/** What a server would answer that has everything. */
const confirmAll = async ({ recorder }: Daybook): Promise<void> => {
  const pending = await recorder.selectPendingUnits(0, ALL);
  const origin = { author: 'ann', recordedAtMs: 1, seal: new Uint8Array(0) };
  const units = pending.map(({ id, events }, index) => {
    return { id, events, isCommutative: false, scopes: [], position: index + 1, total: 1, origin };
  });
  const position = units.length;
  const page: UnitPage = { from: '0', to: `${position}.a`, position, head: position, units };
  expect(await recorder.insertPage(page)).toMatchObject({ isStored: true });
};

describe('a store with limits for what is pending', () => {
  test('warns in every tab, then refuses, and goes on when the server has it', async () => {
    const name = newStoreName();
    const daybook = await openStore(name, { backlog: { warnUnits: 2, maxUnits: 3 } });
    const other = await openStore(name);
    const [sync, watching] = [startInVain(daybook), startInVain(other)];
    const heard: SyncStatus['backlog'][] = [];
    sync.status.subscribe(({ backlog }) => {
      if (backlog !== undefined && backlog !== heard.at(-1)) heard.push(backlog);
    });
    await expect.poll(() => backlogOf(sync)).toBe('normal');
    await record(daybook.recorder);
    await record(other.recorder);
    await expect.poll(() => backlogOf(sync)).toBe('high');
    await record(daybook.recorder);
    await expect.poll(() => backlogOf(sync)).toBe('full');
    await expect(record(daybook.recorder)).rejects.toMatchObject({
      code: 'BACKLOG_FULL',
      details: { pendingUnits: 3, maxUnits: 3 },
    });
    expect(await daybook.recorder.maxNotificationId()).toBe(3);
    // Limits are of those who set them.
    expect(backlogOf(watching)).toBe('normal');
    await confirmAll(daybook);
    await expect.poll(() => backlogOf(sync)).toBe('normal');
    await record(daybook.recorder);
    expect(heard).toEqual(['normal', 'high', 'full', 'normal']);
  });

  test('in the thread of an application: the same', async () => {
    const store = await openHosted({ name: newStoreName(), backlog: { maxUnits: 1 } });
    onTestFinished(async () => store.close());
    await record(store.recorder);
    await expect(record(store.recorder)).rejects.toMatchObject({ code: 'BACKLOG_FULL' });
    expect(await store.recorder.syncProgress()).toMatchObject({ backlog: 'full' });
  });

  test('that are none is not opened', async () => {
    const opening = openStore(newStoreName(), { backlog: { warnUnits: 2, maxUnits: 1 } });
    await expect(opening).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});
