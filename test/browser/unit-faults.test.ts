import type { Daybook, UnitPage } from 'daybook';
import { newOriginatorId, sampleEvent, sampleEvents } from 'daybook/testing';
import { describe, expect, test } from 'vitest';
import { faultyWorker } from './faulty-worker.js';
import { newStoreName, openStore, settled, withWorkers } from './open-store.js';

const ALL = { eventsMax: 1_000, bytesMax: 1e9 };

function pageOf(a: string): UnitPage {
  return {
    ...{ from: '0', to: '2-abc', position: 2, head: 2 },
    units: [
      {
        ...{ id: crypto.randomUUID(), isCommutative: false, scopes: ['ward 7'], position: 2, total: 2 },
        events: [sampleEvent(a, 1, 'theirs'), sampleEvent(a, 2, 'theirs')],
        origin: { author: 'somebody', recordedAtMs: 1_700_000_000_000, seal: Uint8Array.of(1, 2, 3) },
      },
    ],
  };
}

const stateOf = async ({ recorder }: Daybook, a: string): Promise<unknown> => ({
  progress: await recorder.syncProgress(),
  events: await recorder.selectEvents(a),
  pending: await recorder.selectPendingUnits(0, ALL),
  aside: (await recorder.selectSetAside(0, ALL)).map(({ setAsideAtMs: _when, ...unit }) => unit),
});

describe('a transaction that fails', () => {
  test.each(['abort', 'close-within', 'quota'] as const)(
    'of a page changes nothing, and the same page goes through (%s)',
    async (fault) => {
      const name = newStoreName();
      const { files, inject } = faultyWorker();
      const daybook = await openStore(name, files);
      const a = newOriginatorId();
      await daybook.recorder.insertEvents([sampleEvent(a, 1)], { unit: { scopes: ['own'] } });
      const before = await stateOf(daybook, a);
      const page = pageOf(a);
      await inject(fault);
      await expect(daybook.recorder.insertPage(page)).rejects.toMatchObject({ name: /Error$/ });
      expect(await stateOf(daybook, a)).toEqual(before);
      expect(await stateOf(await openStore(name), a)).toEqual(before);
      expect(await daybook.recorder.insertPage(page)).toMatchObject({ isStored: true, addedEvents: 2 });
      const after = await stateOf(daybook, a);
      expect(after).toMatchObject({ progress: { cursor: '2-abc', pendingUnits: 0, setAsideUnits: 1 } });
      // One of three ids is that of an event that was set aside.
      expect(await daybook.storage.report()).toMatchObject({ events: 2 });
      expect(await stateOf(await openStore(name), a)).toEqual(after);
    },
  );
});

describe('a worker that is killed', () => {
  test.each(['hold', 'lose-reply'] as const)(
    'in the middle of a page has stored all of it, with its cursor, or nothing (%s)',
    async (fault) => {
      const name = newStoreName();
      const { files, inject, struck } = faultyWorker();
      const a = newOriginatorId();
      const page = pageOf(a);
      const before = await withWorkers(async (workers) => {
        const daybook = await openStore(name, files);
        await daybook.recorder.insertEvents([sampleEvent(a, 1)]);
        const found = await stateOf(daybook, a);
        await inject(fault);
        const reached = struck(fault);
        const storing = daybook.recorder.insertPage(page);
        await reached;
        workers[0]?.terminate();
        await expect(storing).rejects.toMatchObject({ code: 'WORKER_DIED' });
        return found;
      });
      const again = await openStore(name);
      if (fault === 'hold') expect(await stateOf(again, a)).toEqual(before);
      const after = { progress: { cursor: '2-abc', position: 2, pendingUnits: 0, setAsideUnits: 1 } };
      if (fault === 'lose-reply') expect(await stateOf(again, a)).toMatchObject(after);
      expect(await again.recorder.insertPage(page)).toMatchObject({ isStored: fault === 'hold' });
      expect(await stateOf(again, a)).toMatchObject(after);
      expect(await again.recorder.selectEvents(a)).toHaveLength(2);
    },
  );
});

test('a store whose rows were wiped has lost its cursor with them: the same pages fill it again', async () => {
  const name = newStoreName();
  const a = newOriginatorId();
  const page = pageOf(a);
  await withWorkers(async (workers) => {
    const daybook = await openStore(name);
    expect(await daybook.recorder.syncProgress()).toMatchObject({ cursor: '0' });
    expect(await daybook.recorder.insertPage(page)).toMatchObject({ isStored: true });
    await expect.poll(async () => (await daybook.storage.report()).rescue.state).toBe('on');
    for (const worker of workers) worker.terminate();
    await settled(indexedDB.deleteDatabase(`daybook:${name}`));
  });
  const again = await openStore(name);
  expect(await again.recorder.syncProgress()).toMatchObject({ cursor: '0', position: 0 });
  expect(await again.recorder.selectEvents(a)).toEqual([]);
  expect(await again.recorder.insertPage(page)).toMatchObject({ isStored: true, addedEvents: 2 });
  expect(await again.recorder.selectEvents(a)).toEqual(page.units[0]?.events);
});

describe('two tabs', () => {
  test('that store the same pages at once store each once, and hold the same', async () => {
    const name = newStoreName();
    const tabs = [await openStore(name), await openStore(name)];
    const a = newOriginatorId();
    let from = '0';
    for (let position = 1; position <= 10; position++) {
      const page: UnitPage = { ...pageOf(a), from, to: `${position}-x`, position, units: [] };
      const [unit] = pageOf(a).units;
      const units = [{ ...unit!, events: sampleEvents(a, position, position), position, total: 1 }];
      const outcomes = await Promise.all(tabs.map(({ recorder }) => recorder.insertPage({ ...page, units })));
      expect(outcomes.filter(({ isStored }) => isStored)).toHaveLength(1);
      from = page.to;
    }
    for (const tab of tabs) expect(await tab.recorder.selectEvents(a)).toEqual(sampleEvents(a, 1, 10));
    const [first, second] = await Promise.all(tabs.map((tab) => stateOf(tab, a)));
    expect(first).toEqual(second);
  });
});
