import { describe, expect, test, vi } from 'vitest';
import { OutboxWorker } from '../../../src/application/outbox/outbox-worker.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { lab, settle } from '../../support/outbox-lab.js';

test('an outbox that cannot be written ends the batch, and what was not written down is published again', async () => {
  const { clock, outbox, broker, publish, worker, record } = lab({ concurrency: 1 });
  const id = newOriginatorId();
  for (let version = 1; version <= 5; version++) await record(id, version);
  vi.spyOn(outbox, 'settle').mockRejectedValueOnce(new Error('no database'));
  publish.mockImplementation(async (message) => {
    broker.take(message);
    await settle();
  });
  await expect(worker.runOnce()).rejects.toThrow('no database');
  expect(broker.messages.length).toBeLessThan(5);
  clock.advance(60_000);
  expect((await worker.runOnce()).published).toBe(5);
  broker.expectAll(new Map([[id, 5]]));
});

describe('a lease', () => {
  test('is prolonged while a long batch is published, so that nobody takes over', async () => {
    const { clock, outbox, broker, publish, worker, record } = lab({ leaseMs: 10_000, publishTimeoutMs: 5_000 });
    const id = newOriginatorId();
    for (let version = 1; version <= 10; version++) await record(id, version);
    const other = new OutboxWorker({ outbox, publish: async (message) => broker.take(message), clock });
    publish.mockImplementation(async (message) => {
      clock.advance(4_000);
      expect((await other.runOnce()).claimed).toBe(0);
      broker.take(message);
    });
    expect(await worker.runOnce()).toMatchObject({ published: 10 });
    broker.expectOnce();
    broker.expectAll(new Map([[id, 10]]));
  });

  test('that was lost ends the batch', async () => {
    const { clock, outbox, broker, publish, worker, record } = lab({ leaseMs: 10_000, publishTimeoutMs: 5_000 });
    const id = newOriginatorId();
    for (let version = 1; version <= 4; version++) await record(id, version);
    const other = new OutboxWorker({ outbox, publish: async (message) => broker.take(message), clock });
    let takenOver: Promise<unknown> | undefined;
    publish.mockImplementationOnce(async (message) => {
      broker.take(message);
      // The machine slept.
      clock.advance(60_000);
      takenOver = other.runOnce();
      await takenOver;
    });
    await worker.runOnce();
    expect(await takenOver).toMatchObject({ published: 4 });
    expect(publish).toHaveBeenCalledTimes(1);
    expect(broker.messages.length).toBe(5);
    broker.expectAll(new Map([[id, 4]]));
    expect(await outbox.counts()).toEqual({ pending: 0, published: 4, failed: 0 });
  });
});

describe('a clock that is set', () => {
  const DAY_MS = 86_400_000;

  test('back by a day keeps what a dead worker had leased back for no day', async () => {
    const { clock, outbox, publish, worker, record } = lab();
    clock.set(10 * DAY_MS);
    await record(newOriginatorId(), 1);
    const nowMs = clock.nowMs();
    await outbox.claim({ leaseId: 'dead', nowMs, leaseUntilMs: nowMs + 60_000, limit: 10 });
    expect((await worker.runOnce()).claimed).toBe(0);
    clock.set(nowMs - DAY_MS);
    expect(await worker.runOnce()).toMatchObject({ published: 1 });
    expect(publish).toHaveBeenCalledTimes(1);
  });

  test('back by a day keeps what waits for its next attempt back for no day', async () => {
    const { clock, publish, worker, record } = lab();
    clock.set(10 * DAY_MS);
    publish.mockRejectedValueOnce(new Error('no'));
    await record(newOriginatorId(), 1);
    expect(await worker.runOnce()).toMatchObject({ postponed: 1 });
    clock.set(9 * DAY_MS);
    expect(await worker.runOnce()).toMatchObject({ published: 1 });
  });

  test('back by some minutes takes no lease from anyone', async () => {
    const { clock, outbox, worker, record } = lab({ leaseMs: 40_000 });
    clock.set(10 * DAY_MS);
    await record(newOriginatorId(), 1);
    const nowMs = clock.nowMs();
    await outbox.claim({ leaseId: 'of a longer lease', nowMs, leaseUntilMs: nowMs + 1_800_000, limit: 10 });
    clock.set(nowMs - 600_000);
    expect((await worker.runOnce()).claimed).toBe(0);
  });

  test('forward, while a message is on its way, ends no lease of this worker before its time', async () => {
    const { clock, outbox, publish, worker, record } = lab();
    const id = newOriginatorId();
    await record(id, 1);
    await record(id, 2);
    publish.mockImplementationOnce(async () => clock.set(clock.nowMs() + DAY_MS));
    expect(await worker.runOnce()).toMatchObject({ published: 2 });
    expect(await outbox.counts()).toMatchObject({ pending: 0, published: 2 });
  });
});
