import { openDaybook } from 'daybook';
import type { Daybook, StoredEvent } from 'daybook';
import { newOriginatorId, sampleEvent, sampleEvents } from 'daybook/testing';
import { describe, expect, test } from 'vitest';
import { faultyWorker } from './faulty-worker.js';
import { newStoreName, openStore, rawJournal, settled, withWorkers } from './open-store.js';

const positionsOf = async (name: string): Promise<readonly IDBValidKey[]> =>
  rawJournal(name, 'readonly', (journal) => journal.getAllKeys());

const maxId = async (daybook: Daybook): Promise<number> => daybook.recorder.maxNotificationId();

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

const UNKNOWN = { code: 'OPERATIONAL_ERROR', details: { outcome: 'unknown' } };

/** Whether what is recorded at an event's place is that event: what an application asks after a lost reply. */
const isRecorded = async ({ recorder }: Daybook, event: StoredEvent): Promise<boolean> => {
  const { originatorId, originatorVersion } = event;
  const [there] = await recorder.selectEvents(originatorId, { gt: originatorVersion - 1, lte: originatorVersion });
  return there !== undefined && JSON.stringify([...there.state]) === JSON.stringify([...event.state]);
};

describe('a worker that is terminated', () => {
  test('between the check and `complete`: nothing is recorded, and nobody waits', async () => {
    const name = newStoreName();
    const { files, inject, struck } = faultyWorker();
    const id = newOriginatorId();
    await withWorkers(async (workers) => {
      const daybook = await openStore(name, files);
      await daybook.recorder.insertEvents([sampleEvent(id, 1)]);
      await inject('hold');
      const held = struck('hold');
      const commit = daybook.recorder.insertEvents([sampleEvent(id, 2)]);
      await held;
      workers[0]?.terminate();
      await expect(commit).rejects.toMatchObject({ code: 'WORKER_DIED' });
    });
    const again = await openStore(name);
    expect(await again.recorder.selectEvents(id)).toHaveLength(1);
    expect(await again.recorder.insertEvents([sampleEvent(id, 2)])).toEqual([2]);
    expect(await positionsOf(name)).toEqual([1, 2]);
  });

  test('between `complete` and the reply: recorded once, and whoever tries again can tell', async () => {
    const name = newStoreName();
    const { files, inject, struck } = faultyWorker();
    const event = sampleEvent(newOriginatorId(), 1);
    await withWorkers(async (workers) => {
      const daybook = await openStore(name, files);
      await inject('lose-reply');
      const lost = struck('lose-reply');
      const commit = daybook.recorder.insertEvents([event]);
      await lost;
      workers[0]?.terminate();
      await expect(commit).rejects.toMatchObject({ code: 'WORKER_DIED' });
    });
    const again = await openStore(name);
    await expect(again.recorder.insertEvents([event])).rejects.toMatchObject({
      code: 'INTEGRITY_ERROR',
      details: { constraint: 'event', originatorId: event.originatorId, originatorVersion: 1 },
    });
    expect(await isRecorded(again, event)).toBe(true);
    expect(await maxId(again)).toBe(1);
  });
});

describe('a transaction that fails', () => {
  test('by the quota in the middle of a burst: those before are kept, those after go through, each learns what became of it', async () => {
    const name = newStoreName();
    const { files, inject } = faultyWorker();
    const daybook = await openStore(name, files);
    const id = newOriginatorId();
    await inject('quota', 5);
    const [kept, refused]: [number[], number[]] = [[], []];
    for (let round = 0; round < 4; round++) {
      // One tick, and more than one record.
      const burst = sampleEvents(id, round * 50 + 1, round * 50 + 50);
      const outcomes = await Promise.allSettled(burst.map((event) => daybook.recorder.insertEvents([event])));
      for (const [index, outcome] of outcomes.entries()) {
        (outcome.status === 'fulfilled' ? kept : refused).push(burst[index]!.originatorVersion);
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'STORAGE_FULL' });
      }
    }
    expect(refused.length).toBeGreaterThan(0);
    expect(kept).toContain(200);
    const again = await openStore(name);
    expect((await again.recorder.selectEvents(id)).map(({ originatorVersion }) => originatorVersion)).toEqual(kept);
    const positions = await positionsOf(name);
    expect(positions).toEqual(upTo(positions.length));
  });

  test.each(['abort', 'close-within'] as const)(
    '%s: the outcome is said to be unknown, and nothing was stored',
    async (fault) => {
      const name = newStoreName();
      const { files, inject } = faultyWorker();
      const daybook = await openStore(name, files);
      const event = sampleEvent(newOriginatorId(), 1);
      await inject(fault);
      await expect(daybook.recorder.insertEvents([event])).rejects.toMatchObject(UNKNOWN);
      expect(await isRecorded(daybook, event)).toBe(false);
      expect(await daybook.recorder.insertEvents([event])).toEqual([1]);
      expect(await positionsOf(name)).toEqual([1]);
    },
  );

  test.each(['abort', 'close-within', 'quota'] as const)(
    '%s, with rows of the application in the same transaction: neither these nor the events are there',
    async (fault) => {
      const name = newStoreName();
      const { files, inject } = faultyWorker();
      const daybook = await openStore(name, files);
      const event = sampleEvent(newOriginatorId(), 1);
      const rows = (): Promise<unknown> =>
        daybook.recorder.transaction(async ({ connection }) => {
          return (await connection.query('SELECT quantity FROM stock')).rows;
        });
      const take = (): Promise<unknown> =>
        daybook.recorder.transaction(async (transaction) => {
          await transaction.connection.query('INSERT INTO stock (quantity) VALUES ($1)', [7]);
          return transaction.insertEvents([event]);
        });
      await daybook.recorder.transaction(({ connection }) =>
        connection.query('CREATE TABLE stock (quantity INTEGER NOT NULL)'),
      );
      await inject(fault);
      await expect(take()).rejects.toMatchObject(fault === 'quota' ? { code: 'STORAGE_FULL' } : UNKNOWN);
      expect(await rows()).toEqual([]);
      expect(await isRecorded(daybook, event)).toBe(false);
      expect(await take()).toEqual([1]);
      expect(await rows()).toEqual([{ quantity: 7 }]);
      expect(await positionsOf(name)).toEqual([1, 2]);
    },
  );

  test('a connection that is closed right after a transaction: acknowledged, and opened again', async () => {
    const name = newStoreName();
    const { files, inject } = faultyWorker();
    const daybook = await openStore(name, files);
    await inject('close-after');
    const id = newOriginatorId();
    expect(await daybook.recorder.insertEvents([sampleEvent(id, 1)])).toEqual([1]);
    expect(await daybook.recorder.insertEvents([sampleEvent(id, 2)])).toEqual([2]);
    expect(await maxId(await openStore(name))).toBe(2);
  });

  test('a connection that was closed and has not said so (InvalidStateError): the same call goes through', async () => {
    const name = newStoreName();
    const { files, inject } = faultyWorker();
    const daybook = await openStore(name, files);
    const id = newOriginatorId();
    for (let version = 1; version <= 3; version++) {
      expect(await daybook.recorder.insertEvents([sampleEvent(id, version)])).toEqual([version]);
      await inject('close-unsaid');
    }
    expect(await maxId(await openStore(name))).toBe(3);
  });
});

describe('a tab that holds a transaction open for ever', () => {
  test('keeps another tab waiting for a while only: nothing of its commit is stored, and it goes through later', async () => {
    const name = newStoreName();
    const frozen = faultyWorker();
    const hasty = faultyWorker(['haste']);
    const id = newOriginatorId();
    await withWorkers(async (workers) => {
      const [first, second] = [await openStore(name, frozen.files), await openStore(name, hasty.files)];
      await first.recorder.insertEvents([sampleEvent(id, 1)]);
      await expect.poll(() => maxId(second)).toBe(1);
      await frozen.inject('hold');
      const held = frozen.struck('hold');
      const never = first.recorder.insertEvents([sampleEvent(id, 2)]);
      await held;
      await expect(second.recorder.insertEvents([sampleEvent(id, 2)])).rejects.toMatchObject({
        code: 'OPERATIONAL_ERROR',
        message: expect.stringContaining('Nothing of it was stored') as string,
      });
      // Reading what it has needs nobody.
      expect(await second.recorder.selectEvents(id)).toHaveLength(1);
      workers[0]?.terminate();
      await expect(never).rejects.toMatchObject({ code: 'WORKER_DIED' });
      expect(await second.recorder.insertEvents([sampleEvent(id, 2)])).toEqual([2]);
    });
    expect(await positionsOf(name)).toEqual([1, 2]);
  });
});

describe('a tab that others are faster than', () => {
  /** Two tabs, of which the second one hears of nothing, and was overtaken once. */
  const overtaken = async (
    name: string,
  ): Promise<{ first: Daybook; second: Daybook; inject: ReturnType<typeof faultyWorker>['inject'] }> => {
    const first = await openStore(name, faultyWorker(['no-hints']).files);
    const { files, inject } = faultyWorker();
    const second = await openStore(name, files);
    for (const { recorder } of [first, second]) await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    return { first, second, inject };
  };

  test('appends in the transaction that finds what they wrote', async () => {
    const name = newStoreName();
    const { first, second, inject } = await overtaken(name);
    const [id, own] = [newOriginatorId(), newOriginatorId()];
    await first.recorder.insertEvents(sampleEvents(id, 1, 3));
    // The second write of that tab would fail.
    await inject('abort', 2);
    expect(await second.recorder.insertEvents([sampleEvent(own, 1)])).toEqual([6]);
    await expect(second.recorder.insertEvents([sampleEvent(own, 2)])).rejects.toMatchObject(UNKNOWN);
    expect(await second.recorder.selectEvents(id)).toHaveLength(3);
    expect(await positionsOf(name)).toEqual(upTo(4));
  });

  test('is told when they took its place', async () => {
    const name = newStoreName();
    const { first, second } = await overtaken(name);
    const id = newOriginatorId();
    await first.recorder.insertEvents([sampleEvent(id, 1)]);
    const both = [[sampleEvent(id, 1)], [sampleEvent(id, 2)]].map((events) => second.recorder.insertEvents(events));
    expect(await Promise.allSettled(both)).toMatchObject([
      { status: 'rejected', reason: { code: 'INTEGRITY_ERROR' } },
      { status: 'fulfilled', value: [4] },
    ]);
    expect(await positionsOf(name)).toEqual(upTo(4));
  });

  test.each(['abort', 'close-within', 'quota'] as const)('%s: nothing is lost, and it goes on', async (fault) => {
    const name = newStoreName();
    const { first, second, inject } = await overtaken(name);
    const [id, event] = [newOriginatorId(), sampleEvent(newOriginatorId(), 1)];
    await first.recorder.insertEvents([sampleEvent(id, 1)]);
    await inject(fault);
    const refusal = fault === 'quota' ? { code: 'STORAGE_FULL' } : UNKNOWN;
    await expect(second.recorder.insertEvents([event])).rejects.toMatchObject(refusal);
    expect(await isRecorded(second, event)).toBe(false);
    expect(await second.recorder.selectEvents(id)).toHaveLength(1);
    expect(await second.recorder.insertEvents([event])).toEqual([4]);
    expect(await isRecorded(await openStore(name), event)).toBe(true);
    expect(await positionsOf(name)).toEqual(upTo(4));
  });

  test('and is more than a few records behind: catches up first', async () => {
    const name = newStoreName();
    const { first, second } = await overtaken(name);
    const id = newOriginatorId();
    for (const event of sampleEvents(id, 1, 40)) await first.recorder.insertEvents([event]);
    expect(await second.recorder.insertEvents([sampleEvent(id, 41)])).toEqual([43]);
    expect(await positionsOf(name)).toEqual(upTo(43));
  });

  test('whose next record is of a newer format: stops, and keeps every byte', async () => {
    const name = newStoreName();
    const { first, second } = await overtaken(name);
    await first.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    const record = (await rawJournal(name, 'readonly', (journal) => journal.get(3))) as Uint8Array;
    record[4] = 200;
    await rawJournal(name, 'readwrite', (journal) => journal.put(record, 3));
    for (let attempt = 1; attempt <= 2; attempt++) {
      const insert = second.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      await expect(insert).rejects.toMatchObject({ code: 'NOT_SUPPORTED', details: { formatVersion: 200 } });
    }
    expect(await positionsOf(name)).toEqual(upTo(3));
  });

  test('whose next records are gone: does not write where one was', async () => {
    const name = newStoreName();
    const { first, second } = await overtaken(name);
    for (let count = 0; count < 3; count++) await first.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    for (const position of upTo(4)) await rawJournal(name, 'readwrite', (journal) => journal.delete(position));
    const insert = second.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await expect(insert).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL' });
    expect(await positionsOf(name)).toEqual([5]);
  });

  test('whose record is gone: stops, and writes nothing after the hole', async () => {
    const name = newStoreName();
    const { second } = await overtaken(name);
    await rawJournal(name, 'readwrite', (journal) => journal.delete(2));
    const insert = second.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await expect(insert).rejects.toMatchObject({ code: 'STORAGE_LOST' });
    expect(await positionsOf(name)).toEqual([1]);
  });
});

describe('opening', () => {
  test('that IndexedDB does not answer is given up', async () => {
    const { files } = faultyWorker(['no-opening', 'haste']);
    await expect(openDaybook({ name: newStoreName(), ...files })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringContaining('does not answer') as string,
    });
  });

  test('a fresh store in several tabs at once: one store', async () => {
    const name = newStoreName();
    const tabs = await Promise.all(upTo(5).map(() => openStore(name)));
    expect(new Set(tabs.map(({ replicaId }) => replicaId)).size).toBe(1);
    const ids = await Promise.all(
      tabs.map(({ recorder }) => recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])),
    );
    expect(ids.flat().sort()).toEqual(upTo(5));
    for (const tab of tabs) await expect.poll(() => maxId(tab)).toBe(5);
    expect(await positionsOf(name)).toEqual(upTo(5));
  });
});

describe('a versionchange while commits wait', () => {
  test('of an upgrade that fails: every commit is settled, and what was acknowledged is there', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    const id = newOriginatorId();
    const committing = Promise.allSettled(
      upTo(30).map(async (version) => {
        if (version % 3 === 0) await maxId(daybook);
        return daybook.recorder.insertEvents([sampleEvent(id, version)]);
      }),
    );
    const upgrade = indexedDB.open(`daybook:${name}`, 99);
    upgrade.onupgradeneeded = () => upgrade.transaction?.abort();
    const upgraded = expect(settled(upgrade)).rejects.toMatchObject({ name: 'AbortError' });
    const outcomes = await committing;
    await upgraded;
    const acknowledged = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index + 1] : []));
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(UNKNOWN);
    const there = async (): Promise<number[]> =>
      (await (await openStore(name)).recorder.selectEvents(id)).map(({ originatorVersion }) => originatorVersion);
    expect(await there()).toEqual(expect.arrayContaining(acknowledged));
    expect(await daybook.recorder.insertEvents([sampleEvent(id, 31)])).toHaveLength(1);
    expect(await there()).toContain(31);
  });

  test('of an upgrade by a newer version: what is refused says so, and nothing is written to the newer layout', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    const id = newOriginatorId();
    const committing = Promise.allSettled(
      upTo(30).map(async (version) => {
        if (version % 3 === 0) await maxId(daybook);
        return daybook.recorder.insertEvents([sampleEvent(id, version)]);
      }),
    );
    (await settled(indexedDB.open(`daybook:${name}`, 99))).close();
    const before = await positionsOf(name);
    const outcomes = await committing;
    const acknowledged = outcomes.filter(({ status }) => status === 'fulfilled').length;
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(['NOT_SUPPORTED', 'OPERATIONAL_ERROR']).toContain(outcome.reason.code);
    }
    await expect(daybook.recorder.insertEvents([sampleEvent(id, 31)])).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(await positionsOf(name)).toEqual(before);
    expect(acknowledged).toBeLessThanOrEqual(30);
  });
});

describe('two versions of the application on one store', () => {
  test('a record of a newer format, written while this tab has the store open: it stops, and keeps every byte', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    const id = newOriginatorId();
    await daybook.recorder.insertEvents([sampleEvent(id, 1)]);
    const record = (await rawJournal(name, 'readonly', (journal) => journal.get(1))) as Uint8Array;
    record[4] = 200;
    await rawJournal(name, 'readwrite', (journal) => journal.add(record, 2));
    for (let attempt = 1; attempt <= 2; attempt++) {
      const insert = daybook.recorder.insertEvents([sampleEvent(id, 2)]);
      await expect(insert).rejects.toMatchObject({
        code: 'NOT_SUPPORTED',
        details: { position: 2, formatVersion: 200 },
      });
    }
    expect(await rawJournal(name, 'readonly', (journal) => journal.get(2))).toEqual(record);
    expect(await positionsOf(name)).toEqual([1, 2]);
  });
});

describe('what a power cut may take from a relaxed store', () => {
  const rolledBack = async (records: number): Promise<{ readonly name: string; readonly id: string }> => {
    const name = newStoreName();
    const daybook = await openStore(name, { durability: 'relaxed' });
    const id = newOriginatorId();
    for (const event of sampleEvents(id, 1, 5)) await daybook.recorder.insertEvents([event]);
    await daybook.recorder.insertEvents([], { tracking: { applicationName: 'daybook:push', notificationId: 5 } });
    await daybook.close();
    await rawJournal(name, 'readwrite', (journal) => journal.delete(IDBKeyRange.lowerBound(records, true)));
    return { name, id };
  };

  test('the last records: what is left is whole, is opened, and goes on', async () => {
    const { name, id } = await rolledBack(3);
    const daybook = await openStore(name);
    expect(await daybook.recorder.selectEvents(id)).toHaveLength(3);
    // What was said to be pushed is gone with the rest: it is pushed again, and the server decides.
    expect(await daybook.storage.report()).toMatchObject({ largestId: 3, unsyncedEvents: 3, position: 3 });
    expect(await daybook.recorder.insertEvents([sampleEvent(id, 4)])).toEqual([4]);
    expect(await positionsOf(name)).toEqual([1, 2, 3, 4]);
  });

  test('under an open tab: the tab stops, and writes nothing after the hole', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    const id = newOriginatorId();
    for (const event of sampleEvents(id, 1, 3)) await daybook.recorder.insertEvents([event]);
    await rawJournal(name, 'readwrite', (journal) => journal.delete(3));
    await expect(daybook.recorder.insertEvents([sampleEvent(id, 4)])).rejects.toMatchObject({ code: 'STORAGE_LOST' });
    expect(await positionsOf(name)).toEqual([1, 2]);
  });
});

describe('hundreds of commits in one tick, from two tabs', () => {
  test('are a few records, each with its own outcome', async () => {
    const name = newStoreName();
    const tabs = [await openStore(name), await openStore(name)] as const;
    const id = newOriginatorId();
    // Both tabs want every one of these places.
    const attempts = sampleEvents(id, 1, 400).flatMap((event) =>
      tabs.map(({ recorder }) => recorder.insertEvents([event])),
    );
    const outcomes = await Promise.allSettled(attempts);
    const won = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(400);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'INTEGRITY_ERROR' });
    }
    expect((await positionsOf(name)).length).toBeLessThan(40);
    for (const { recorder } of tabs) expect(await recorder.selectEvents(id)).toHaveLength(400);
  });
});
