import { describe, expect, test, vi } from 'vitest';
import type { OutboxWorkerOptions } from '../../../src/application/outbox/outbox-worker.js';
import { PublisherUnavailableError } from '../../../src/application/outbox/publish-errors.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { lab, settle } from '../../support/outbox-lab.js';

describe('a worker that was started', () => {
  test('is woken by commits, retries when it is due, and rests otherwise', async () => {
    const { clock, outbox, publish, broker, worker, record } = lab();
    const claim = vi.spyOn(outbox, 'claim');
    worker.start();
    await settle();
    expect(worker.status.value.state).toBe('resting');
    const id = newOriginatorId();
    publish.mockRejectedValueOnce(new Error('no'));
    await record(id, 1);
    await settle();
    expect(broker.messages).toHaveLength(0);
    expect(worker.status.value.lastError).toMatchObject({ message: 'no' });
    // Due before the next look would be.
    clock.advance(999);
    await settle();
    expect(broker.messages).toHaveLength(1);
    expect(worker.status.value).toMatchObject({ state: 'resting', published: 1, lastError: undefined });
    const looks = claim.mock.calls.length;
    clock.advance(4_999);
    await settle();
    expect(claim).toHaveBeenCalledTimes(looks);
    clock.advance(1);
    await settle();
    expect(claim).toHaveBeenCalledTimes(looks + 1);
    await worker.close();
    expect(worker.status.value.state).toBe('stopped');
    await record(id, 2);
    await settle();
    expect(broker.messages).toHaveLength(1);
  });

  test('misses no commit that comes while it looks', async () => {
    const { outbox, broker, worker, record } = lab();
    const id = newOriginatorId();
    const claim = outbox.claim.bind(outbox);
    vi.spyOn(outbox, 'claim').mockImplementationOnce(async (request) => {
      const entries = await claim(request);
      await record(id, 1);
      return entries;
    });
    worker.start();
    await settle();
    expect(broker.messages).toHaveLength(1);
    await worker.close();
  });

  test('waits longer and longer while the publisher or the outbox fails, however much is recorded', async () => {
    const { clock, outbox, publish, worker, record } = lab();
    publish.mockRejectedValueOnce(new PublisherUnavailableError('down', { details: { retryAfterMs: 9_000 } }));
    const id = newOriginatorId();
    await record(id, 1);
    worker.start();
    await settle();
    expect(worker.status.value).toMatchObject({ state: 'waiting', nextAttemptAtMs: clock.nowMs() + 9_000 });
    await record(id, 2);
    await settle();
    expect(publish).toHaveBeenCalledTimes(1);
    vi.spyOn(outbox, 'claim').mockRejectedValueOnce(new Error('no database'));
    clock.advance(9_000);
    await settle();
    expect(worker.status.value).toMatchObject({ state: 'waiting', nextAttemptAtMs: clock.nowMs() + 1_999 });
    clock.advance(1_999);
    await settle();
    expect(worker.status.value).toMatchObject({ state: 'resting', published: 2 });
    await worker.close();
  });

  test('stops by its signal, finishes what is under way and gives the rest back', async () => {
    const { outbox, broker, publish, worker, record } = lab();
    const id = newOriginatorId();
    for (const version of [1, 2, 3]) await record(id, version);
    const controller = new AbortController();
    publish.mockImplementation(async (message, { signal }) => {
      controller.abort();
      await settle();
      expect(signal.aborted).toBe(false);
      broker.take(message);
    });
    worker.start({ signal: controller.signal });
    await settle();
    await worker.close();
    expect(broker.messages).toHaveLength(1);
    expect(await outbox.counts()).toEqual({ pending: 2, published: 1, failed: 0 });
    const claimed = await outbox.claim({ leaseId: 'x', nowMs: 0, leaseUntilMs: 1, limit: 10 });
    expect(claimed).toHaveLength(2);
    expect(() => worker.start()).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }) as Error);
  });

  test('deletes what was published long ago, when it is told to', async () => {
    const { clock, outbox, worker, record } = lab({ keepPublishedMs: 60_000 });
    await record(newOriginatorId(), 1);
    await worker.runOnce();
    clock.advance(60_000);
    await worker.runOnce();
    expect((await outbox.counts()).published).toBe(1);
    clock.advance(1);
    await worker.runOnce();
    expect((await outbox.counts()).published).toBe(0);
  });

  test('refuses numbers that make no sense', () => {
    const wrong: Partial<OutboxWorkerOptions>[] = [
      { batch: 0 },
      { maxAttempts: -1 },
      { leaseMs: 10, publishTimeoutMs: 10 },
    ];
    for (const options of wrong) expect(() => lab(options)).toThrow();
  });
});
